//! The configuration of the JSON lines sink.

use std::path::PathBuf;
use std::{fmt, io};

use egret_model::Arguments;

/// The configuration of the JSON lines sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where lines go.
    pub destination: Destination,
    /// Write the totals of connections that are open.
    pub updates: bool,
    /// Capacity of the queue.
    pub queue_events: usize,
    /// The form in which program arguments are written.
    pub arguments: Arguments,
}

/// Where lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    #[default]
    Stdout,
    /// A file: created if it is missing, appended to, and reopened on request, for logrotate.
    File(PathBuf),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Why lines cannot be written to a destination.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Standard output is closed.
    #[error("standard output cannot be used for JSON lines: {0}")]
    Stdout(io::Error),
    /// The directory of the file is missing.
    #[error("cannot write JSON lines to {file}: there is no directory {directory}")]
    NoDirectory { file: PathBuf, directory: PathBuf },
    /// The file cannot be opened.
    #[error("cannot write JSON lines to {file}: {error}")]
    Open { file: PathBuf, error: io::Error },
    /// Another process writes to the file: truncating a partial line would remove what that process wrote.
    #[error("cannot write JSON lines to {0}: another process has it locked")]
    Locked(PathBuf),
}
