//! Reads the file. Every error is reported with line and column. The parser continues after a syntax error.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest;
use crate::diagnostics::Problem;
use crate::options::{self, Entry, SECTIONS, Section};
use crate::raw::{Location, Origin, RawConfig, RawValue, Value};

/// Longest configuration file in bytes. A device or a core dump named by mistake is longer.
const LONGEST: u64 = 1 << 20;

/// The text of a file, for locations in it.
pub(crate) struct Source<'a> {
    pub(crate) path: Arc<Path>,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// The location of a byte offset.
    pub(crate) fn location(&self, offset: usize) -> Location {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Location { path: Arc::clone(&self.path), line, column }
    }
}

/// The text of the file at `path`.
///
/// # Errors
///
/// The file cannot be read, is too long, or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |error| Problem::Unreadable { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST) {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 1 MiB")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let text = String::from_utf8_lossy(valid);
        let location = Source { path: path.into(), text: &text }.location(text.len());
        Problem::Syntax { location, reason: "expected UTF-8".to_owned() }
    })
}

/// Parses a file as TOML with the known sections and keys.
pub(crate) fn parse(source: &Source<'_>, problems: &mut Vec<Problem>) -> RawConfig {
    let (document, errors) = DeTable::parse_recoverable(source.text);
    let mut reader = Reader { source, unreliable: BTreeSet::new(), raw: RawConfig::new(), problems };
    for error in errors {
        let offset = error.span().map_or(source.text.len(), |span| span.start);
        reader.syntax_error(offset, error.message().to_owned());
    }
    for (name, value) in document.get_ref() {
        match SECTIONS.iter().find(|section| section.name == name.get_ref()) {
            Some(section) => reader.section(section, value),
            None => {
                let what = if value.get_ref().is_table() { "section" } else { "key" };
                reader.unknown(&name.span(), what, name.get_ref(), section_like(name.get_ref()));
            }
        }
    }
    reader.raw
}

struct Reader<'a> {
    source: &'a Source<'a>,
    /// Lines with a syntax error, or below a heading with one. Further errors in them are guesses of the parser.
    unreliable: BTreeSet<usize>,
    raw: RawConfig,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn syntax_error(&mut self, offset: usize, reason: String) {
        let location = self.source.location(offset);
        // The first error of a line causes its other errors.
        if !self.unreliable.contains(&location.line) {
            self.unreliable.extend(unreliable_lines(self.source.text, location.line));
            self.problems.push(Problem::Syntax { location, reason });
        }
    }

    fn section(&mut self, section: &Section, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            let location = self.source.location(value.span().start);
            let reason = format!("expected a section, [{}]", section.name);
            return self.push(Problem::Syntax { location, reason });
        };
        for (name, value) in table {
            match section.options.iter().find(|entry| entry.name() == name.get_ref()) {
                Some(entry) => self.option(entry, value),
                None => {
                    self.unknown(&name.span(), "key", &format!("{}.{}", section.name, name.get_ref()), {
                        key_like(section, name.get_ref())
                    });
                }
            }
        }
    }

    fn option(&mut self, entry: &Entry, value: &Spanned<DeValue<'_>>) {
        if !self.unreliable.contains(&self.source.location(value.span().start).line) {
            self.raw.insert(entry.key, raw(self.source, value));
        }
    }

    fn unknown(&mut self, span: &Range<usize>, what: &'static str, name: &str, suggestion: Option<String>) {
        let origin = Origin::File(self.source.location(span.start));
        self.push(Problem::Unknown { origin, what, name: name.to_owned(), suggestion });
    }

    fn push(&mut self, problem: Problem) {
        if !problem.location().is_some_and(|location| self.unreliable.contains(&location.line)) {
            self.problems.push(problem);
        }
    }
}

/// The line with a syntax error and, if it is a heading, all lines below it, whose section is unknown.
fn unreliable_lines(text: &str, line: usize) -> impl Iterator<Item = usize> {
    let is_heading = |line: &str| line.trim_start().starts_with('[');
    let mut lines = text.lines().skip(line.saturating_sub(1));
    let broken_heading = lines.next().is_some_and(is_heading);
    let under = lines.take_while(move |line| broken_heading && !is_heading(line)).count();
    line..=line + under
}

/// The section with a similar name, or the option of this name, written outside of its section.
fn section_like(name: &str) -> Option<String> {
    let key = || options::all().find(|entry| entry.name() == name).map(|entry| entry.key.to_owned());
    let section = nearest(name, SECTIONS.iter().map(|section| section.name)).map(str::to_owned);
    section.or_else(key)
}

/// The option with a similar name in this section, or with exactly this name in another.
fn key_like(section: &Section, name: &str) -> Option<String> {
    let elsewhere = || options::all().find(|entry| entry.name() == name).map(|entry| entry.key.to_owned());
    let here = nearest(name, section.options.iter().map(Entry::name));
    here.map(|name| format!("{}.{name}", section.name)).or_else(elsewhere)
}

fn raw(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> RawValue {
    let origin = Origin::File(source.location(value.span().start));
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Integer(decimal(number)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Float(number) => Value::Other(number.to_string()),
        DeValue::Datetime(time) => Value::Other(time.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| raw(source, item)).collect()),
        DeValue::Table(members) => {
            Value::Table(members.iter().map(|(name, value)| (name.get_ref().to_string(), raw(source, value))).collect())
        }
    };
    RawValue { value, origin }
}

/// The number in decimal if it fits into 128 bits, else as written.
fn decimal(number: &toml::de::DeInteger<'_>) -> String {
    let parsed = i128::from_str_radix(number.as_str(), number.radix());
    parsed.map_or_else(|_| number.to_string(), |number| number.to_string())
}
