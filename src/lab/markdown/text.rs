//! Small parts of Markdown: numbers, tables, texts of others.

/// Two decimals, with the minus sign of typography; a dash for none.
pub fn number(value: Option<f64>) -> String {
    match value {
        Some(value) if value.is_finite() => format!("{value:.2}").replace('-', "−"),
        _ => "–".to_owned(),
    }
}

/// The same with the sign.
pub fn signed(value: f64) -> String {
    if value.is_finite() { format!("{value:+.2}").replace('-', "−") } else { "–".to_owned() }
}

/// A share as a whole percentage.
pub fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share))
}

/// Text of others, so that nothing in it is Markdown or leaves a table.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '&' => escaped.push_str("&amp;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A whole text as a quotation, its lines kept.
pub fn quote(text: &str) -> String {
    let lines: Vec<String> = text.trim().lines().map(|line| format!("> {}", escape(line))).collect();
    if lines.is_empty() { "> *(nothing)*\n".to_owned() } else { lines.join("\\\n") + "\n" }
}

/// A table, row by row.
pub struct Table(String);

impl Table {
    pub fn new<T: AsRef<str>>(columns: &[T]) -> Self {
        let mut table = Self(String::new());
        table.row(columns);
        table.0 += &format!("|{}\n", "---|".repeat(columns.len()));
        table
    }

    pub fn row<T: AsRef<str>>(&mut self, cells: &[T]) {
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        self.0 += &format!("| {} |\n", cells.join(" | "));
    }

    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_typographic_signs() {
        assert_eq!([number(Some(-0.5)), number(None), number(Some(f64::NAN))], ["−0.50", "–", "–"]);
        assert_eq!([signed(0.5), signed(-0.25)], ["+0.50", "−0.25"]);
        assert_eq!([percent(Some(0.256)), percent(None)], ["26 %", "–"]);
    }

    #[test]
    fn texts_of_others_stay_texts() {
        assert_eq!(escape("a|b\n*c* <d>"), "a\\|b \\*c\\* \\<d\\>");
        assert_eq!(quote(" one\n# two\n"), "> one\\\n> \\# two\n");
        assert_eq!(quote(" \n"), "> *(nothing)*\n");
    }

    #[test]
    fn tables_have_a_line_under_their_head() {
        let mut table = Table::new(&["a", "b"]);
        table.row(&["1".to_owned(), "2".to_owned()]);
        assert_eq!(table.finish(), "| a | b |\n|---|---|\n| 1 | 2 |\n");
    }
}
