//! The parts which write: words after steering, replies, samples.

use super::super::{Feels, Kind, Repetition, Replies, Samples};
use super::text::{Table, escape, number, percent, quote, signed};

pub fn feels(found: &Feels) -> String {
    let (words, n) = (found.words.len(), found.measure.n);
    let mut out = format!(
        "Change in the log-probability (natural, all tokens of the word summed) of {words} words after {n} frames such as “He feels”, steered with s = {} residual norms at \
each of blocks {} at every position, against unsteered; mean over frames, in nats. The matching word rises more than all others for **{} of {words}** vectors (by chance 1), and for \
{} of {} random directions of equal norm. Measured push at each (token, block): {} residual norms, random {}. A large s may break a model rather than tell about it: see the replies.\n\n\
![Change in ln p by vector and word](feels.svg)\n\n![The same for random directions](feels-random.svg)\n\n",
        found.strength,
        found.blocks,
        found.steered.matching,
        found.random.matching,
        found.random.change.len(),
        number(Some(found.steered.mean_push)),
        number(Some(found.random.mean_push)),
    );
    let columns =
        ["word", "ln p unsteered", "change by its own vector", "by the other vectors, mean", "by random, mean"];
    let mut table = Table::new(&columns);
    for (word, name) in found.words.iter().enumerate() {
        let column = |change: &[Vec<f64>], leave: Option<usize>| {
            let others = change.iter().enumerate().filter(|(row, _)| Some(*row) != leave);
            super::super::mean(others.map(|(_, values)| values[word])).unwrap_or(f64::NAN)
        };
        table.row(&[
            escape(name),
            number(found.unsteered.get(word).copied()),
            signed(found.steered.change[word][word]),
            signed(column(&found.steered.change, Some(word))),
            signed(column(&found.random.change, None)),
        ]);
    }
    out += &table.finish();
    out
}

pub fn replies(found: &Replies) -> String {
    let mut out = format!(
        "{} neutral messages, each answered unsteered, with each of {} vectors and with `random` at s = {} residual norms at each of blocks {} (prompt and reply), temperature {}, top-p {}, \
at most {} tokens, the seed the number of the message. **z** is the mean over the reply at block {}, in sd, when prompt and reply are read again *without* steering: what the text alone \
activates. Means over {} replies:\n\n",
        found.measure.n,
        found.emotions.len(),
        found.strength,
        found.blocks,
        found.temperature,
        found.top_p,
        found.max_tokens,
        found.measure.block.unwrap_or_default(),
        found.measure.n,
    );
    let columns = ["steering", "tokens", "most frequent word", "distinct pairs", "push (norms)"].map(str::to_owned);
    let read = found.emotions.iter().map(|emotion| format!("z {}", escape(emotion)));
    let mut table = Table::new(&columns.into_iter().chain(read).collect::<Vec<_>>());
    for means in &found.means {
        let z = |column: usize| means.z.as_ref().map_or_else(|| "–".to_owned(), |z| signed(z[column]));
        let start = [
            name(means.steering.as_deref()),
            format!("{:.0}", means.tokens),
            percent(means.top_word),
            percent(means.distinct_pairs),
            number(Some(means.mean_push)),
        ];
        table.row(&start.into_iter().chain((0..found.emotions.len()).map(z)).collect::<Vec<_>>());
    }
    out += &table.finish();
    out += "\nA high share of one word and few distinct pairs of words are the sign of too much strength; a short reply has a high share and all its pairs distinct whatever it says.\n";
    let mut prompt = None;
    for reply in &found.replies {
        if prompt != Some(&reply.prompt) {
            out += &format!("\n### {} (seed {})\n", escape(&reply.prompt), reply.seed);
            prompt = Some(&reply.prompt);
        }
        let own = reply.steering.as_ref().and_then(|steering| found.emotions.iter().position(|name| name == steering));
        let z = own.zip(reply.z.as_ref()).map_or_else(String::new, |(place, z)| {
            format!(", z of {} {} sd", escape(&found.emotions[place]), signed(f64::from(z[place])))
        });
        out += &format!(
            "\n**{}**: {} tokens, {}, push {}{z}\n\n{}",
            name(reply.steering.as_deref()),
            reply.tokens,
            repetition(&reply.repetition),
            number(Some(reply.mean_push)),
            quote(&reply.text)
        );
    }
    out
}

fn name(steering: Option<&str>) -> String {
    steering.map_or_else(|| "unsteered".to_owned(), escape)
}

fn repetition(found: &Repetition) -> String {
    format!("most frequent word {}, distinct pairs {}", percent(found.top_word), percent(found.distinct_pairs))
}

pub fn samples(found: &Samples) -> String {
    let mut out = format!(
        "What the model writes without steering: temperature {}, top-p {}, at most {} tokens, seeds in order, every text shown and none drawn again.\n",
        found.temperature, found.top_p, found.max_tokens
    );
    for sample in &found.samples {
        let kind = match sample.kind {
            Kind::Message => "Message",
            Kind::Story => "Beginning of a story",
        };
        let end = if sample.ended { "ended by the model" } else { "cut off" };
        out += &format!(
            "\n### {kind}: {} (seed {})\n\n{} tokens, {end}, {}\n\n{}",
            escape(&sample.prompt),
            sample.seed,
            sample.tokens,
            repetition(&sample.repetition),
            quote(&sample.text)
        );
    }
    out
}
