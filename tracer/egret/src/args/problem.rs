//! Everything that is wrong with a command line, not only the first of it.

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// A value cannot be understood. Debug quoting, for it may hold anything.
    #[error("invalid value {value:?} for '{option}': {reason}")]
    Value {
        /// The option as its usage shows it.
        option: &'static str,
        /// What was typed.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// Options that make no sense together.
    #[error("{0}")]
    Conflict(&'static str),
}

/// Collects problems while values are read.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Reads a value; notes what is wrong with it and gives `None` if it cannot be read.
    pub(super) fn one<T>(
        &mut self,
        option: &'static str,
        value: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let note = |reason| self.push(Problem::Value { option, value: value.to_owned(), reason });
        read(value).map_err(note).ok()
    }

    /// Reads each of several values.
    pub(super) fn each<T>(
        &mut self,
        option: &'static str,
        values: &[String],
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        values.iter().filter_map(|value| self.one(option, value, &read)).collect()
    }

    /// What is wrong, where so much is that there is no value.
    pub(super) fn or_nothing<T>(self) -> Result<T, Vec<Problem>> {
        Err(self.0)
    }

    /// `value` if nothing is wrong, else what is.
    pub(super) fn or<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}
