//! Values that are one of a few words.

use egret_config::Choice;

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
