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

/// The output format of `egret log`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Table,
    Json,
    Csv,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("table", Self::Table, "a table; in a pipe with full values and without colour"),
        ("json", Self::Json, "one JSON object a line, with OpenTelemetry's attribute names"),
        ("csv", Self::Csv, "comma-separated values (RFC 4180) with a header line"),
    ];
}

/// A key to sum connections by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SumKey {
    Executable,
    Peer,
    Name,
    Port,
    User,
    Container,
    Unit,
    Direction,
}

impl Choice for SumKey {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("exe", Self::Executable, "path of the executable"),
        ("peer", Self::Peer, "address of the peer"),
        ("name", Self::Name, "name of the peer"),
        ("port", Self::Port, "port of the server"),
        ("user", Self::User, "effective user"),
        ("container", Self::Container, "NAMESPACE/WORKLOAD of the pod, or name or id of the container"),
        ("unit", Self::Unit, "systemd unit"),
        ("direction", Self::Direction, "in: the peer opened the connection; out: this host did"),
    ];
}

/// A figure to sort sums by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SumFigure {
    #[default]
    Connections,
    Sent,
    Received,
}

impl Choice for SumFigure {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("connections", Self::Connections, "connections and first datagrams, including failed ones"),
        ("sent", Self::Sent, "bytes sent"),
        ("received", Self::Received, "bytes received"),
    ];
}

/// When to colour the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    Always,
    Never,
}

impl Choice for ColorChoice {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("auto", Self::Auto, "on a terminal, unless NO_COLOR is set"),
        ("always", Self::Always, "also in a pipe"),
        ("never", Self::Never, "without colour"),
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
