//! Everything that is wrong with a configuration, not only the first of it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::given::{Fault, Origin, Place};
use super::options::Entry;

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
        /// Who gave it.
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
        /// Who gave it.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// What happens.
        reason: String,
    },
}

/// Everything that is wrong, in the order of the files.
#[derive(Debug)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
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
    pub(super) fn value(entry: &Entry, fault: Fault) -> Self {
        let within = fault.within.map(|name| format!(".{}", super::toml_text::key(&name))).unwrap_or_default();
        Self::Value {
            origin: fault.origin,
            key: format!("{}{within}", entry.key),
            value: (!entry.slot.secret() && !has_credentials(&fault.value)).then_some(fault.value),
            reason: fault.reason,
        }
    }

    /// Where in a file it is.
    pub(super) fn place(&self) -> Option<&Place> {
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
