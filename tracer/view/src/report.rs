//! The options of `egret report`.

use std::path::PathBuf;

use egret_config::Choice;
use egret_model::Timestamp;

/// The form of `egret report`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    #[default]
    Html,
    Markdown,
}

impl Choice for ReportFormat {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        (
            "html",
            Self::Html,
            "one file that a browser shows and prints, without scripts and without anything from elsewhere",
        ),
        ("markdown", Self::Markdown, "text with tables, for an issue, a wiki or a mail"),
    ];
}

/// What to report, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportOptions {
    pub format: ReportFormat,
    /// The log: a directory, or a bucket by its URL.
    pub log: PathBuf,
    pub baseline: PathBuf,
    /// The configuration that decides what enforcement judges.
    pub config: Option<PathBuf>,
    /// Inclusive.
    pub since: Timestamp,
    /// Exclusive.
    pub until: Timestamp,
    /// `None` for standard output.
    pub output: Option<PathBuf>,
}
