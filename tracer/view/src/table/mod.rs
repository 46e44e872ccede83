//! Events as rows of a table.
//!
//! On a terminal a row is one line: columns are removed and values shortened until it fits. In a pipe there are all columns
//! with full values. The header is written only once, so that `grep` and `sort` work on the rows.

mod cell;
mod column;
mod columns;
mod figure;
mod layout;
mod outcome;
mod terminal;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use egret_model::Event;
use jiff::tz::TimeZone;

use self::cell::Locale;
use self::column::Column;
pub use self::columns::Columns;
pub use self::figure::{bytes, duration, moment};
use self::layout::{GAP, Placed};
use self::outcome::Tone;
pub use self::text::printable;

/// The capabilities of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStyle {
    /// With ANSI colours.
    pub color: bool,
    /// Columns of the terminal; `None` writes full values.
    pub width: Option<u16>,
    /// The output can show characters beyond ASCII.
    pub utf8: bool,
}

/// Writes events as rows.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Placed>,
    locale: Locale,
    /// Values are shortened to the width of their column.
    fitted: bool,
    color: bool,
}

impl Table {
    /// A table in local time.
    #[must_use]
    pub fn new(style: TableStyle) -> Self {
        Self::in_zone(style, TimeZone::system())
    }

    fn in_zone(style: TableStyle, zone: TimeZone) -> Self {
        Self {
            columns: layout::layout(style.width),
            locale: Locale { zone, utf8: style.utf8 },
            fitted: style.width.is_some(),
            color: style.color,
        }
    }

    /// Appends the header.
    pub fn header(&mut self, out: &mut Vec<u8>) {
        self.line(out, |column| (Cow::Borrowed(column.title()), Style::new().bold()));
    }

    /// Appends the row of `event`.
    pub fn row(&mut self, out: &mut Vec<u8>, event: &Event) {
        let (utf8, tone) = (self.locale.utf8, outcome::outcome(event).1);
        self.line(out, |column| {
            let text = self.locale.cell(column, event);
            (printable(&text, utf8).into_owned().into(), style(column, tone))
        });
    }

    fn line<'a>(&self, out: &mut Vec<u8>, cell: impl Fn(Column) -> (Cow<'a, str>, Style)) {
        let mut pending = 0;
        for (column, room) in &self.columns {
            let (text, style) = cell(*column);
            let text = if self.fitted { text::shorten(&text, *room, self.ellipsis()) } else { text };
            let blank = room.saturating_sub(text::width(&text));
            let (before, after) = if column.is_figure() { (blank, 0) } else { (0, blank) };
            blanks(out, pending + before);
            self.styled(out, &text, style);
            // Written before the next cell, so that no line ends in spaces.
            pending = after + GAP;
        }
        out.push(b'\n');
    }

    fn styled(&self, out: &mut Vec<u8>, text: &str, style: Style) {
        let style = if self.color { style } else { Style::new() };
        // Writing to a `Vec` does not fail.
        let _ = write!(out, "{style}{text}{style:#}");
    }

    const fn ellipsis(&self) -> &'static str {
        if self.locale.utf8 { "\u{2026}" } else { ".." }
    }
}

fn blanks(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, b' ');
}

fn style(column: Column, tone: Tone) -> Style {
    match (column, tone) {
        (Column::Outcome, Tone::Bad) => AnsiColor::Red.on_default().bold(),
        (Column::Outcome, Tone::Warning) => AnsiColor::Yellow.on_default().bold(),
        (Column::Outcome, Tone::Good) => AnsiColor::Green.on_default(),
        (Column::Time, _) | (Column::Outcome, Tone::Quiet) => Style::new().dimmed(),
        (Column::Process, _) => Style::new().bold(),
        (Column::Name, _) => AnsiColor::Cyan.on_default(),
        _ => Style::new(),
    }
}
