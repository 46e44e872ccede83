//! The open connections at one time.

use std::collections::HashMap;
use std::sync::Arc;

/// The number of open connections, by executable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenConnections {
    /// By path, for paths with open connections only.
    pub by_executable: HashMap<Arc<str>, u64>,
    /// Connections whose executable is unknown.
    pub unknown: u64,
}

impl OpenConnections {
    pub fn add(&mut self, executable: Option<&Arc<str>>) {
        match executable {
            Some(path) => *self.by_executable.entry(Arc::clone(path)).or_default() += 1,
            None => self.unknown += 1,
        }
    }
}
