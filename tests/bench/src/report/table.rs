//! Tables and aims.

use std::fmt;

/// A table whose first column is text and whose others are figures.
pub(crate) struct Table {
    columns: usize,
    text: String,
}

impl Table {
    /// With these column heads.
    pub(crate) fn new<S: AsRef<str>>(head: impl IntoIterator<Item = S>) -> Self {
        let mut table = Self { columns: 0, text: String::new() };
        table.columns = table.line(head);
        let rules = (0..table.columns).map(|column| if column == 0 { "---" } else { "---:" });
        table.line(rules.collect::<Vec<_>>());
        table
    }

    /// Adds a row.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let written = self.line(cells);
        debug_assert_eq!(written, self.columns, "a row as long as the head");
    }

    fn line<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) -> usize {
        let mut written = 0;
        self.text.push('|');
        for cell in cells {
            self.text.push(' ');
            self.text.push_str(cell.as_ref());
            self.text.push_str(" |");
            written += 1;
        }
        self.text.push('\n');
        written
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Aims of a part of the benchmark, and whether they were met.
pub(crate) struct Aims(Table);

impl Default for Aims {
    fn default() -> Self {
        Self(Table::new(["aim", "at", "measured", ""]))
    }
}

impl Aims {
    /// Adds one.
    pub(crate) fn add(&mut self, what: &str, aim: &str, measured: &str, met: bool) {
        self.0.row([what, aim, measured, if met { "met" } else { "**not met**" }]);
    }
}

impl fmt::Display for Aims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn table_is_markdown_with_right_aligned_figures() {
        let mut table = Table::new(["what", "ns"]);
        table.row(["getppid", "61"]);
        assert_eq!(table.to_string(), "| what | ns |\n| --- | ---: |\n| getppid | 61 |\n");
    }
}
