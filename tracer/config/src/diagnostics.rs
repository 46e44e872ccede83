//! Diagnostics: everything that is wrong with a configuration, not only the first of it, and what is doubtful.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::merged::MergedConfig;
use crate::options::Entry;
use crate::raw::{Invalid, Origin, Place};

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A place in a file is not what such a file has there.
    #[error("{place}: {reason}")]
    Syntax {
        /// Where.
        place: Place,
        /// What was expected.
        reason: String,
    },
    /// There is no such section or key.
    #[error("{origin}: unknown {what} {name:?}{}", suggested(suggestion.as_deref()))]
    Unknown {
        /// Where.
        origin: Origin,
        /// `section`, `key` or `variable`.
        what: &'static str,
        /// What was written.
        name: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// A value cannot be understood.
    #[error("{origin}: {key}{}: {reason}", shown(value.as_deref()))]
    Value {
        /// Where it came from.
        origin: Origin,
        /// The key.
        key: String,
        /// What was written; `None` if it may be a secret.
        value: Option<String>,
        /// What was expected.
        reason: String,
    },
    /// A variable is not text.
    #[error("{0}: expected UTF-8")]
    NotText(String),
}

/// Something to know, although egret can run.
#[derive(Debug, thiserror::Error)]
pub enum Warning {
    /// This was left out.
    #[error("{0}; ignored")]
    Ignored(Problem),
    /// An environment variable that looks like one of egret's, but is none.
    #[error("unknown variable {name}{}", suggested(suggestion.as_deref()))]
    Variable {
        /// Its name.
        name: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// Values that are right, but may not do what they look like.
    #[error("{origin}: {key}: {reason}")]
    Doubtful {
        /// Where it came from.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// What happens.
        reason: String,
    },
}

/// What there is to say about a configuration.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
}

impl Diagnostics {
    /// `key` is wrong, together with others.
    pub(crate) fn wrong(&mut self, merged: &MergedConfig, key: &'static str, reason: impl Into<String>) {
        let origin = merged.origin(key);
        self.problems.push(Problem::Value { origin, key: key.to_owned(), value: None, reason: reason.into() });
    }

    /// An item of a list is wrong.
    pub(crate) fn wrong_item(
        &mut self,
        merged: &MergedConfig,
        key: &'static str,
        number: usize,
        item: &str,
        reason: String,
    ) {
        let origin = merged.item_origin(key, number);
        self.problems.push(Problem::Value { origin, key: key.to_owned(), value: Some(format!("{item:?}")), reason });
    }

    /// `key` may not do what it looks like.
    pub(crate) fn doubtful(&mut self, merged: &MergedConfig, key: &'static str, reason: impl Into<String>) {
        self.doubtful_at(merged.origin(key), key, reason);
    }

    pub(crate) fn doubtful_at(&mut self, origin: Origin, key: &'static str, reason: impl Into<String>) {
        self.warnings.push(Warning::Doubtful { origin, key, reason: reason.into() });
    }
}

/// Everything that is wrong, in the order of the files.
#[derive(Debug)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::position);
        Self(problems)
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the configuration is wrong")?;
        self.0.iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

impl Problem {
    pub(crate) fn value(entry: &Entry, invalid: Invalid) -> Self {
        let within = invalid.within.map(|name| format!(".{}", crate::toml_text::key(&name))).unwrap_or_default();
        Self::Value {
            origin: invalid.origin,
            key: format!("{}{within}", entry.key),
            value: (!entry.access.secret() && !has_credentials(&invalid.value)).then_some(invalid.value),
            reason: invalid.reason,
        }
    }

    /// Where in a file it is.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Syntax { place, .. }
            | Self::Unknown { origin: Origin::File(place), .. }
            | Self::Value { origin: Origin::File(place), .. } => Some(place),
            _ => None,
        }
    }

    /// What has no place comes last.
    fn position(&self) -> (usize, usize) {
        self.place().map_or((usize::MAX, 0), |place| (place.line, place.column))
    }
}

/// Whether it looks like a URL with a password.
fn has_credentials(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

fn suggested(suggestion: Option<&str>) -> String {
    suggestion.map(|known| format!("; did you mean {known:?}?")).unwrap_or_default()
}

/// Long values are cut: the place says where to find them.
fn shown(value: Option<&str>) -> String {
    const LONGEST: usize = 80;
    let Some(value) = value else { return String::new() };
    let short: String = value.chars().take(LONGEST).collect();
    if short.len() < value.len() { format!(" = {short}...") } else { format!(" = {short}") }
}
