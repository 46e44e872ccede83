//! Diagnostics of a configuration: all errors, and warnings.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::merged::MergedConfig;
use crate::options::Entry;
use crate::raw::{Invalid, Location, Origin};

/// An error in a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    /// The file is not valid TOML, or has no section where it needs one.
    #[error("{location}: {reason}")]
    Syntax { location: Location, reason: String },
    /// No such section or key exists.
    #[error("{origin}: unknown {what} {name:?}{}", suggested(suggestion.as_deref()))]
    Unknown {
        origin: Origin,
        /// `section`, `key` or `variable`.
        what: &'static str,
        name: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// A value is invalid.
    #[error("{origin}: {key}{}: {reason}", shown(value.as_deref()))]
    Value {
        origin: Origin,
        key: String,
        /// The value as written; `None` if it may be a secret.
        value: Option<String>,
        reason: String,
    },
    /// An environment variable is not UTF-8.
    #[error("{0}: expected UTF-8")]
    NotText(String),
}

/// A warning: egret can run with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum Warning {
    /// An invalid value was ignored.
    #[error("{0}; ignored")]
    Ignored(Problem),
    /// An environment variable looks like one of egret's but is unknown.
    #[error("unknown variable {name}{}", suggested(suggestion.as_deref()))]
    Variable {
        name: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// A valid value may not have the effect that it seems to have.
    #[error("{origin}: {key}: {reason}")]
    Value { origin: Origin, key: &'static str, reason: String },
}

#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
}

impl Diagnostics {
    /// `key` is invalid together with other options.
    pub(crate) fn error(&mut self, merged: &MergedConfig, key: &'static str, reason: impl Into<String>) {
        let origin = merged.origin(key);
        self.problems.push(Problem::Value { origin, key: key.to_owned(), value: None, reason: reason.into() });
    }

    /// An item of a list is invalid.
    pub(crate) fn item_error(
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

    pub(crate) fn warn(&mut self, merged: &MergedConfig, key: &'static str, reason: impl Into<String>) {
        self.warn_at(merged.origin(key), key, reason);
    }

    pub(crate) fn warn_at(&mut self, origin: Origin, key: &'static str, reason: impl Into<String>) {
        self.warnings.push(Warning::Value { origin, key, reason: reason.into() });
    }
}

/// All errors, in the order of the file.
#[derive(Debug)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::position);
        Self(problems)
    }

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

    /// The location in a file, if it has one.
    pub(crate) fn location(&self) -> Option<&Location> {
        match self {
            Self::Syntax { location, .. }
            | Self::Unknown { origin: Origin::File(location), .. }
            | Self::Value { origin: Origin::File(location), .. } => Some(location),
            _ => None,
        }
    }

    /// Sort key: errors without a location come last.
    fn position(&self) -> (usize, usize) {
        self.location().map_or((usize::MAX, 0), |location| (location.line, location.column))
    }
}

/// Whether it looks like a URL with a password.
fn has_credentials(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

fn suggested(suggestion: Option<&str>) -> String {
    suggestion.map(|known| format!("; did you mean {known:?}?")).unwrap_or_default()
}

/// Cuts long values; the location says where to find them.
fn shown(value: Option<&str>) -> String {
    const LONGEST: usize = 80;
    let Some(value) = value else { return String::new() };
    let short: String = value.chars().take(LONGEST).collect();
    if short.len() < value.len() { format!(" = {short}...") } else { format!(" = {short}") }
}
