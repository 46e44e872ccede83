//! Options that take one of a few words.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use egret_model::{ArgumentsForm, Layer};

/// A type with a word for each of its values.
pub(crate) trait Choice: Copy + 'static {
    /// Words, what they mean, and their line in the long help.
    const WORDS: &'static [(&'static str, Self, &'static str)];

    /// The value that `word` stands for.
    fn from_word(word: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(known, ..)| *known == word);
        found.map(|(_, value, _)| *value).ok_or_else(|| {
            let words: Vec<_> = Self::WORDS.iter().map(|(known, ..)| *known).collect();
            format!("expected one of: {}", words.join(", "))
        })
    }
}

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// A JSON object a line.
    Json,
}

impl Choice for Format {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("table", Self::Table, "a live table for people; whole values and no colour in a pipe"),
        ("json", Self::Json, "one JSON object a line, with OpenTelemetry's attribute names"),
    ];
}

impl Choice for ArgumentsForm {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("full", Self::Full, "all, with the secrets that are among them"),
        ("redacted", Self::Redacted, "without passwords, tokens and texts of inline programs"),
        ("none", Self::None, "none"),
    ];
}

/// How recorded events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A table for people.
    #[default]
    Table,
    /// A JSON object a line.
    Json,
    /// Comma-separated values.
    Csv,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("table", Self::Table, "a table for people; whole values and no colour in a pipe"),
        ("json", Self::Json, "one JSON object a line, with OpenTelemetry's attribute names"),
        ("csv", Self::Csv, "comma-separated values (RFC 4180) below a line of column names"),
    ];
}

/// Which capture layer to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capture {
    /// The best that the kernel offers.
    #[default]
    Auto,
    /// This one or none.
    Only(Layer),
}

impl Choice for Capture {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("auto", Self::Auto, "the best that this kernel and user allow, see egret doctor"),
        ("sockets", Self::Only(Layer::Sockets), "cgroup hooks and socket tracepoints: every path into the sockets"),
        ("syscalls", Self::Only(Layer::Syscalls), "system calls with arguments and results; slows all system calls"),
        ("procfs", Self::Only(Layer::Procfs), "scans of /proc: needs nothing, misses what is short-lived"),
    ];
}

/// When to colour the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// In a pipe too.
    Always,
    /// Nowhere.
    Never,
}

impl Choice for ColorChoice {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("auto", Self::Auto, "on a terminal, unless NO_COLOR is set"),
        ("always", Self::Always, "in a pipe too"),
        ("never", Self::Never, "nowhere"),
    ];
}

/// Lets clap show the words in help and completions, but takes any string: a wrong word is reported together
/// with everything else that is wrong, not as the first and only error.
#[derive(Clone)]
pub(super) struct Words(Vec<(&'static str, &'static str)>);

impl Words {
    pub(super) fn of<C: Choice>() -> Self {
        Self(C::WORDS.iter().map(|(word, _, help)| (*word, *help)).collect())
    }

    /// Words that need no explanation.
    pub(super) fn bare(words: &[&'static str]) -> Self {
        Self(words.iter().map(|word| (*word, "")).collect())
    }
}

impl TypedValueParser for Words {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(|(word, help)| {
            let value = PossibleValue::new(*word);
            if help.is_empty() { value } else { value.help(*help) }
        })))
    }
}
