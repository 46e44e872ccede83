//! How the JSON lines sink is set up.

use std::path::PathBuf;

use egret_model::Arguments;

/// How the JSON lines sink is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where lines go.
    pub destination: Destination,
    /// Events that may wait.
    pub queue_events: usize,
    /// Arguments of programs in it.
    pub arguments: Arguments,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, appended to, made if it is not there; opened again when asked to, for logrotate.
    File(PathBuf),
}
