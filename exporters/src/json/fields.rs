//! The members of a record, before anybody asks what they mean.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Why a line is not a record.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON object.
    #[error("not a JSON object: {0}")]
    Syntax(serde_json::Error),
    /// It lacks a key that every record has.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value is not of its key's kind.
    #[error("{key}: {error}")]
    Kind {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        error: serde_json::Error,
    },
    /// A value is not one that its key can have.
    #[error("{key}: {reason}: {value:?}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
        /// The value.
        value: String,
    },
}

/// A record's members. They are read when they are asked for, so that whatever is wrong is told with its key.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn parse(line: &[u8]) -> Result<Self, ReadError> {
        serde_json::from_slice(line).map(Self).map_err(ReadError::Syntax)
    }

    /// The value of a key; `None` where it is absent, or null as other writers say it.
    pub(super) fn optional<'a, T: Deserialize<'a>>(&'a self, key: &'static str) -> Result<Option<T>, ReadError> {
        self.0.get(key).map_or(Ok(None), Option::deserialize).map_err(|error| ReadError::Kind { key, error })
    }

    /// The value of a key that every record has.
    pub(super) fn required<'a, T: Deserialize<'a>>(&'a self, key: &'static str) -> Result<T, ReadError> {
        self.optional(key)?.ok_or(ReadError::Missing(key))
    }

    /// What a string means; `reason` says what it is not where `meaning` finds none.
    pub(super) fn understood<T>(
        &self,
        key: &'static str,
        reason: &'static str,
        meaning: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        let Some(text) = self.optional::<&str>(key)? else { return Ok(None) };
        meaning(text).map(Some).ok_or_else(|| ReadError::Value { key, reason, value: text.to_owned() })
    }
}
