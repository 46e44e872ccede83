//! Raw values: as a source has them, before it is known what they mean.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// No source sets it.
    Default,
    /// A place in a file.
    File(Place),
    /// This environment variable.
    Variable(String),
}

/// A place in a file, as editors and compilers write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: Arc<Path>,
    /// Its line, from 1.
    pub line: usize,
    /// Its character in that line, from 1.
    pub column: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(place) => place.fmt(formatter),
            Self::Variable(name) => formatter.write_str(name),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Values of one source by key. All are keys of options.
pub(crate) type RawConfig = BTreeMap<&'static str, RawValue>;

/// A value as a source has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawValue {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// What TOML distinguishes; a variable is just text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text without a type: a variable, or a default.
    Bare(String),
    Text(String),
    Integer(String),
    Flag(bool),
    /// A number with a fraction, or a date: nothing here is one.
    Other(String),
    List(Vec<RawValue>),
    Table(Vec<(String, RawValue)>),
}

/// What is wrong with a value, or with one that lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The key within the value, where it is a table.
    pub(crate) within: Option<String>,
    pub(crate) origin: Origin,
    /// The value as it was written.
    pub(crate) value: String,
    /// What was expected.
    pub(crate) reason: String,
}

impl RawValue {
    pub(crate) fn bare(text: impl Into<String>, origin: Origin) -> Self {
        Self { value: Value::Bare(text.into()), origin }
    }

    /// The text, if it is some.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Bare(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; in bare text they stand between commas.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match &self.value {
            Value::Bare(text) => {
                Some(text.split(',').map(|item| Self::bare(item.trim(), self.origin.clone())).collect())
            }
            Value::List(items) => Some(items.clone()),
            _ => None,
        }
    }

    /// Reads text. `read` says what is wrong with it, `expected` what was expected where it is no text.
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

    /// This value is wrong.
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
