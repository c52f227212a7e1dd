//! Texts from which vectors are made: the ones the program brings, reading of files in the same format, and the rules a good corpus keeps.

mod check;
mod lines;
mod report;
mod source;
mod variety;
mod words;

pub use check::{Standard, check_neutral, check_situations, check_stories};
pub use lines::{
    BadLines, Forbidden, Lines, Neutral, Situation, Story, forbidden, neutral, question, situations, stories,
};
pub use report::{Problem, Report};
pub use source::Source;
pub use words::{sentences, words};
