//! Output: columns of text, or one JSON value a line.

use std::fmt::Write as _;
use std::io::{self, Write};

use egret_enforcer::baseline::{Destination, Evidence, Rule, Subject, Value};
use egret_model::Timestamp;
use serde::Serialize;

use crate::args::ColorChoice;
use crate::table::{TableStyle, text};

/// Spaces between columns.
const GAP: usize = 2;

/// Rows of text below a line of titles.
#[derive(Debug)]
pub(super) struct Columns<const N: usize> {
    titles: [&'static str; N],
    /// Columns of figures, which are aligned to the right.
    figures: [bool; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Columns<N> {
    /// A title that begins with `>` makes a column of figures.
    pub(super) fn new(titles: [&'static str; N]) -> Self {
        let figures = titles.map(|title| title.starts_with('>'));
        Self { titles: titles.map(|title| title.trim_start_matches('>')), figures, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        let utf8 = TableStyle::for_stdout(ColorChoice::Never).utf8;
        // Text in a baseline or log is not trusted: it comes from programs and DNS answers.
        self.rows.iter_mut().flatten().for_each(|cell| *cell = text::printable(cell, utf8).into_owned());
        let mut widths = self.titles.map(str::len);
        for row in &self.rows {
            widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(text::width(cell)));
        }
        let titles = self.titles.map(str::to_owned);
        for row in std::iter::once(&titles).chain(&self.rows) {
            out.write_all(self.line(row, &widths).as_bytes())?;
        }
        Ok(())
    }

    fn line(&self, row: &[String; N], widths: &[usize; N]) -> String {
        let mut line = String::new();
        for ((cell, width), is_figure) in row.iter().zip(widths).zip(self.figures) {
            let blank = width.saturating_sub(text::width(cell));
            let (before, after) = if is_figure { (blank, GAP) } else { (0, blank + GAP) };
            // Writing to a string does not fail.
            let _ = write!(line, "{:before$}{cell}{:after$}", "", "");
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

/// A line with a label, as in `egret status`.
pub(super) fn labelled(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    let utf8 = TableStyle::for_stdout(ColorChoice::Never).utf8;
    writeln!(out, "{label:11}{}", text::printable(text, utf8))
}

/// A count with its noun.
pub(super) fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

pub(super) fn json(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(out.write_all(&line)?)
}

/// RFC 3339 in UTC to the second, as in baselines.
pub(super) fn moment(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A rule as JSON: its text and its parts. Parts that the rule does not have are absent.
#[derive(Debug, Serialize)]
pub(super) struct RuleParts {
    rule: String,
    #[serde(flatten)]
    subject: SubjectParts,
    transport: String,
    host: String,
    port: String,
}

/// A subject as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) struct SubjectParts {
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
}

impl SubjectParts {
    pub(super) fn of(subject: &Subject) -> Self {
        let text = |value: &Option<Value>| value.as_ref().map(|value| value.text().to_string());
        Self {
            subject: subject.to_string(),
            executable: text(&subject.executable),
            file: text(&subject.file),
            script: text(&subject.script),
            sha256: text(&subject.sha256),
            user: text(&subject.user),
            unit: text(&subject.unit),
            container: text(&subject.container),
            image: text(&subject.image),
            pod: text(&subject.pod),
            parent: text(&subject.parent),
        }
    }
}

impl RuleParts {
    pub(super) fn of(rule: &Rule) -> Self {
        let Destination { transport, host, ports } = &rule.destination;
        Self {
            rule: rule.to_string(),
            subject: SubjectParts::of(&rule.subject),
            transport: transport.unwrap_or("*").to_owned(),
            host: host.to_string(),
            port: ports.to_string(),
        }
    }
}

/// Evidence as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    count: u64,
    failed: u64,
    days: u64,
    first: String,
    last: String,
}

impl Seen {
    pub(super) fn of(evidence: &Evidence) -> Self {
        let Evidence { count, failed, days, first, last, .. } = evidence;
        Self { count: *count, failed: *failed, days: *days, first: moment(*first), last: moment(*last) }
    }
}
