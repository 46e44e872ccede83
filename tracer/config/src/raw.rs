//! Raw configuration: values as a source has them, before they are parsed by their kind.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// No source sets the value.
    Default,
    File(Location),
    /// The name of an environment variable.
    Variable(String),
}

/// A location in a file, displayed as compilers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub path: Arc<Path>,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(location) => location.fmt(formatter),
            Self::Variable(name) => formatter.write_str(name),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// The values of one source by option key.
pub(crate) type RawConfig = BTreeMap<&'static str, RawValue>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawValue {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// The types of TOML; a variable is untyped text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Untyped text: a variable or a default.
    Bare(String),
    Text(String),
    Integer(String),
    Flag(bool),
    /// A float or a date: no option takes one.
    Other(String),
    List(Vec<RawValue>),
    Table(Vec<(String, RawValue)>),
}

/// Why a value, or a member of it, is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The key of the member, where the value is a table.
    pub(crate) within: Option<String>,
    pub(crate) origin: Origin,
    /// The value as written.
    pub(crate) value: String,
    pub(crate) reason: String,
}

impl RawValue {
    pub(crate) fn bare(text: impl Into<String>, origin: Origin) -> Self {
        Self { value: Value::Bare(text.into()), origin }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Bare(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; in untyped text they are separated by commas.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match &self.value {
            Value::Bare(text) => {
                Some(text.split(',').map(|item| Self::bare(item.trim(), self.origin.clone())).collect())
            }
            Value::List(items) => Some(items.clone()),
            _ => None,
        }
    }

    /// Parses text with `read`. `expected` is the error message for a value that is not text.
    pub(crate) fn read<T>(
        &self,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Vec<Invalid>> {
        match self.text() {
            Some(text) => read(text).map_err(|reason| self.invalid(reason)),
            None => Err(self.invalid(format!("expected {expected}"))),
        }
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>) -> Vec<Invalid> {
        vec![Invalid {
            within: None,
            origin: self.origin.clone(),
            value: self.value.to_string(),
            reason: reason.into(),
        }]
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare(text) | Self::Text(text) => write!(formatter, "{text:?}"),
            Self::Integer(text) | Self::Other(text) => formatter.write_str(text),
            Self::Flag(flag) => flag.fmt(formatter),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| item.value.to_string()).collect();
                write!(formatter, "[{}]", items.join(", "))
            }
            Self::Table(_) => formatter.write_str("{...}"),
        }
    }
}
