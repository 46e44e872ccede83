//! How the JSON lines sink is set up.

use std::path::PathBuf;

/// How the JSON lines sink is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where lines go.
    pub destination: Destination,
    /// Write the totals of connections that are open.
    pub updates: bool,
    /// Events that may wait.
    pub queue_events: usize,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, appended to, made if it is not there; opened again when asked to, for logrotate.
    File(PathBuf),
}
