//! Options whose value is one of a few words.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use egret_config::Choice;

/// The output format of `egret trace`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Table,
    Json,
}

impl Choice for Format {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("table", Self::Table, "a table; in a pipe with full values and without colour"),
        ("json", Self::Json, "one JSON object a line, with OpenTelemetry's attribute names"),
    ];
}

/// Shows the words in help and completions but accepts any string, so that an invalid word is reported together with all
/// other errors.
#[derive(Clone)]
pub(super) struct Words(Vec<(&'static str, &'static str)>);

impl Words {
    pub(super) fn of<C: Choice>() -> Self {
        Self(C::WORDS.iter().map(|(word, _, help)| (*word, *help)).collect())
    }

    /// Words without a description.
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
