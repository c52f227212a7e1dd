//! The parts which read: map, implicit situations, quantities, logit lens.

use super::super::pictures::sweep_file;
use super::super::{Direction, Implicit, Lens, MapResult, Quantities, Report};
use super::text::{Table, escape, number, percent, signed};
use crate::figure::map::axis_label;

pub fn map(report: &Report, found: &MapResult) -> String {
    let [x, y] = &found.map.axes;
    let mut out = format!(
        "Principal components of the {} {} vectors, and Pearson's r with the ratings of people (Russell & Mehrabian 1977), n rated words. The paper: PC1 26 % \
with valence r 0.81, PC2 15 % with arousal r 0.66, n = 45.\n\n![The map](map.svg)\n\n",
        found.map.points.len(),
        report.about.vectors
    );
    out += &format!(
        "At block {}: across {}; upwards {}.\n\n",
        found.map.block,
        axis_label(&found.map, x, "valence", x.valence_r),
        axis_label(&found.map, y, "arousal", y.arousal_r)
    );
    let mut table = Table::new(&["block", "component", "variance", "valence r", "arousal r", "n"]);
    for block in &found.blocks {
        let mark = if block.block == found.map.block { "**" } else { "" };
        for component in &block.components {
            table.row(&[
                format!("{mark}{}{mark}", block.block),
                format!("PC{}", component.component),
                percent(Some(component.explained)),
                number(component.valence_r),
                number(component.arousal_r),
                component.n.to_string(),
            ]);
        }
    }
    out += &table.finish();
    out += "\nSigns of components are arbitrary: each is turned so that the greater of its two r is positive. Much of this geometry may already lie in the \
token embeddings.\n";
    out
}

pub fn implicit(found: &Implicit) -> String {
    let (n, emotions) = (found.measure.n, found.emotions.len());
    let chance = |places: usize| n as f64 * places.min(emotions) as f64 / emotions as f64;
    let mut out = format!(
        "{n} messages of a user, none of which names its emotion, read at the token before the reply (block {}, z in sd). The vector of the right one of {emotions} \
emotions is the highest for **{} of {n}** (by chance {:.1}), and among the three highest for **{} of {n}** (by chance {:.1}).\n\n\
![Mean z by emotion of the prompts and vector read](implicit.svg)\n\n",
        found.measure.block.unwrap_or_default(),
        found.first,
        chance(1),
        found.first_three,
        chance(3)
    );
    let mut table = Table::new(&["block", "highest", "among three", "n"]);
    for block in &found.blocks {
        table.row(&[block.block, block.first, block.first_three, n].map(|count| count.to_string()));
    }
    out += &table.finish();
    out += "\nA block chosen from this table after the fact looks better than it is.\n\n";
    let mut table = Table::new(&["emotion", "rank", "z of its vector (sd)", "highest vector", "prompt"]);
    for prompt in &found.prompts {
        let own = found.emotions.iter().zip(&prompt.z).find(|(emotion, _)| **emotion == prompt.emotion);
        let top = found.emotions.iter().zip(&prompt.z).max_by(|a, b| a.1.total_cmp(b.1));
        table.row(&[
            escape(&prompt.emotion),
            prompt.rank.to_string(),
            own.map_or_else(String::new, |(_, z)| signed(f64::from(*z))),
            top.map_or_else(String::new, |(emotion, _)| escape(emotion)),
            escape(&prompt.text),
        ]);
    }
    out + &table.finish()
}

pub fn quantities(found: &Quantities) -> String {
    let mut out = format!(
        "Prompts which differ in one number, read at the token before the reply (block {}, z in sd). Spearman's ρ of z with the number; ↑ and ↓ mark where it \
should rise or fall. **{} of {}** such curves go the way they should, mean ρ in that direction {}. The curves of one prompt are not independent, \
and with n = {} values |ρ| below about {:.2} is no more than chance gives one time in twenty.\n",
        found.measure.block.unwrap_or_default(),
        found.as_expected,
        found.expected,
        number(found.mean_rho),
        found.measure.n,
        (1.96 / (found.measure.n.max(2) as f64 - 1.0).sqrt()).min(1.0)
    );
    for sweep in &found.sweeps {
        let name = escape(&sweep.name.replace('_', " "));
        out += &format!("\n### {name}\n\n{}\n\n![{name}]({})\n\n", escape(&sweep.text), sweep_file(&sweep.name));
        let (first, last) = (sweep.values.first(), sweep.values.last());
        let at = |value: Option<&f64>| value.map_or_else(String::new, |value| format!("z at {value} {}", sweep.unit));
        let mut table = Table::new(&["emotion".to_owned(), "ρ".to_owned(), "n".to_owned(), at(first), at(last)]);
        for curve in &sweep.curves {
            let way = match curve.expected {
                Some(Direction::Up) => " ↑",
                Some(Direction::Down) => " ↓",
                None => "",
            };
            let z = |z: Option<&f32>| z.map_or_else(String::new, |z| signed(f64::from(*z)));
            table.row(&[
                format!("{}{way}", escape(&curve.emotion)),
                number(curve.rho),
                curve.z.len().to_string(),
                z(curve.z.first()),
                z(curve.z.last()),
            ]);
        }
        out += &table.finish();
    }
    out
}

pub fn lens(found: &Lens) -> String {
    let n = found.measure.n;
    let mut out = format!(
        "The unit vector of each emotion at block {} through the final norm and the unembedding: its ten highest tokens. A hit is a token which, trimmed and in \
lower case, is the emotion's word or one which names it (its line of forbidden words), or at least the first four letters of one. **{} of {n}** emotions have a hit. \
Held against the words of another emotion, {} of the pairs do; this is more than chance, as neighbours share words.\n\n",
        found.measure.block.unwrap_or_default(),
        found.hits,
        percent(found.mismatched),
    );
    let mut table = Table::new(&["emotion", "hit", "ten highest tokens"]);
    for row in &found.emotions {
        let tokens: Vec<String> = row.tokens.iter().map(|token| escape(token.text.trim())).collect();
        let hit = row.hit.as_deref().map_or_else(String::new, |hit| format!("**{}**", escape(hit)));
        table.row(&[escape(&row.emotion), hit, tokens.join(", ")]);
    }
    out += &table.finish();
    out
}
