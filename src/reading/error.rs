//! What can go wrong in a reading. The first line says what failed, the second what to do now.

use crate::bank::BankError;

/// Why there is no reading.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    #[error(
        "the residuals are {residual} wide, the bank's vectors {bank}\nChoose the bank that was built for this model"
    )]
    Width { bank: usize, residual: usize },

    #[error("the residual of token {token} after block {block} is not finite\nThe weights of the model may be damaged")]
    NotFinite { token: usize, block: usize },

    #[error("there is no token {token} in a text of {tokens}\nChoose one before the end")]
    NoToken { token: usize, tokens: usize },

    #[error(
        "{emotion:?} does not vary over neutral text at block {block}, so there is no z\nUse --metric dot or cosine, or build the bank with more neutral texts"
    )]
    FlatBaseline { emotion: String, block: usize },

    #[error(transparent)]
    Bank(#[from] BankError),
}
