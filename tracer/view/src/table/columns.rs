//! Columns of text below a line of titles.

use std::io::{self, Write};

use super::{TableStyle, text};
use crate::ColorChoice;

/// Spaces between columns.
const GAP: usize = 2;

/// Rows of text below a line of titles.
#[derive(Debug)]
pub struct Columns {
    titles: Vec<String>,
    /// Columns of figures, which are aligned to the right.
    figures: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// A title that begins with `>` makes a column of figures.
    pub fn new<T: AsRef<str>>(titles: impl IntoIterator<Item = T>) -> Self {
        let title = |title: T| (title.as_ref().trim_start_matches('>').to_owned(), title.as_ref().starts_with('>'));
        let (titles, figures) = titles.into_iter().map(title).unzip();
        Self { titles, figures, rows: Vec::new() }
    }

    pub fn row(&mut self, row: impl Into<Vec<String>>) {
        self.rows.push(row.into());
    }

    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        let utf8 = TableStyle::for_stdout(ColorChoice::Never).utf8;
        // Cells are not trusted: their text comes from programs and DNS answers.
        self.rows.iter_mut().flatten().for_each(|cell| *cell = text::printable(cell, utf8).into_owned());
        let mut widths: Vec<usize> = self.titles.iter().map(|title| text::width(title)).collect();
        for row in &self.rows {
            widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(text::width(cell)));
        }
        for row in std::iter::once(&self.titles).chain(&self.rows) {
            out.write_all(self.line(row, &widths).as_bytes())?;
        }
        Ok(())
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), is_figure) in row.iter().zip(widths).zip(&self.figures) {
            let blank = " ".repeat(width.saturating_sub(text::width(cell)));
            let (before, after) = if *is_figure { (&*blank, "") } else { ("", &*blank) };
            line.extend([before, cell, after, &" ".repeat(GAP)]);
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}
