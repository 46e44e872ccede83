//! All errors of a command line.

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// An invalid value, displayed with debug quoting because it may contain anything.
    #[error("invalid value {value:?} for '{option}': {reason}")]
    Value {
        /// The option as in the usage.
        option: &'static str,
        value: String,
        reason: String,
    },
    /// Options that cannot be combined.
    #[error("{0}")]
    Conflict(&'static str),
}

/// Collects errors while values are parsed.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Parses a value. Records an error and returns `None` if the value is invalid.
    pub(super) fn one<T>(
        &mut self,
        option: &'static str,
        value: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let note = |reason| self.push(Problem::Value { option, value: value.to_owned(), reason });
        read(value).map_err(note).ok()
    }

    /// Parses several values.
    pub(super) fn each<T>(
        &mut self,
        option: &'static str,
        values: &[String],
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        values.iter().filter_map(|value| self.one(option, value, &read)).collect()
    }

    /// The errors, if there is no value.
    pub(super) fn into_error<T>(self) -> Result<T, Vec<Problem>> {
        Err(self.0)
    }

    /// `value` if there are no errors.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}
