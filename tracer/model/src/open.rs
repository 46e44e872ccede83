//! The connections that are open at one moment.

use std::collections::HashMap;
use std::sync::Arc;

/// How many connections are open, by the executable of their process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenConnections {
    /// By path; only paths that hold one, so no more than there are connections.
    pub by_executable: HashMap<Arc<str>, u64>,
    /// Those whose executable is not known.
    pub unknown: u64,
}

impl OpenConnections {
    /// Counts a connection.
    pub fn add(&mut self, executable: Option<&Arc<str>>) {
        match executable {
            Some(path) => *self.by_executable.entry(Arc::clone(path)).or_default() += 1,
            None => self.unknown += 1,
        }
    }
}
