//! Options that take one of a few words.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use egret_config::Choice;

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

/// What connections are added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SumKey {
    /// Path of the executable, or what is known of it.
    Executable,
    /// Address of the other end.
    Peer,
    /// The name that was asked for.
    Name,
    /// Port of the service, on whichever end that is.
    Port,
    /// Effective user.
    User,
    /// Container, or pod.
    Container,
    /// systemd unit.
    Unit,
    /// Who began it.
    Direction,
}

impl Choice for SumKey {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("exe", Self::Executable, "path of the executable"),
        ("peer", Self::Peer, "address of the other end"),
        ("name", Self::Name, "the name that was asked for"),
        ("port", Self::Port, "port of the service, on whichever end that is"),
        ("user", Self::User, "effective user"),
        ("container", Self::Container, "NAMESPACE/WORKLOAD of the pod, or name or id of the container"),
        ("unit", Self::Unit, "systemd unit"),
        ("direction", Self::Direction, "in: the other end began it; out: this host did"),
    ];
}

/// A figure of a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SumFigure {
    /// Connections.
    #[default]
    Connections,
    /// Bytes sent.
    Sent,
    /// Bytes received.
    Received,
}

impl Choice for SumFigure {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("connections", Self::Connections, "connections and first datagrams, failed ones too"),
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
