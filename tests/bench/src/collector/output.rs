//! Standard output of a tracing program.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::ChildStdout;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::host::file_lines;

/// A line with its arrival time.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Nanoseconds since 1970.
    pub(crate) arrived: i64,
    pub(crate) text: String,
}

/// Destination of the output.
#[derive(Default)]
pub(crate) enum Output {
    /// Discarded.
    #[default]
    None,
    /// A file, removed when this is dropped.
    File(PathBuf),
    /// A pipe that a thread reads.
    Pipe { lines: Arc<Mutex<Vec<Line>>>, reader: Option<JoinHandle<()>> },
}

impl Output {
    pub(super) const fn of_file(path: PathBuf) -> Self {
        Self::File(path)
    }

    pub(super) fn of_pipe(pipe: ChildStdout) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            // Nothing more can be read after the first error.
            for text in BufReader::new(pipe).lines().map_while(Result::ok) {
                let line = Line { arrived: now(), text };
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self::Pipe { lines, reader: Some(reader) }
    }

    /// Whether this text was written.
    pub(crate) fn contains(&self, text: &str) -> bool {
        match self {
            Self::None => false,
            Self::File(path) => fs::read_to_string(path).is_ok_and(|written| written.contains(text)),
            Self::Pipe { lines, .. } => {
                lines.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|line| line.text.contains(text))
            }
        }
    }

    /// The content of the file.
    pub(super) fn text(&self) -> String {
        match self {
            Self::File(path) => fs::read_to_string(path).unwrap_or_default(),
            Self::None | Self::Pipe { .. } => String::new(),
        }
    }

    /// How many lines were written.
    pub(crate) fn count(&self) -> Result<u64> {
        Ok(match self {
            Self::None => 0,
            Self::File(path) => file_lines(path)?,
            Self::Pipe { lines, .. } => u64::try_from(lines.lock().unwrap_or_else(PoisonError::into_inner).len())?,
        })
    }

    /// All lines of a pipe whose writer has ended.
    pub(crate) fn into_lines(mut self) -> Vec<Line> {
        let Self::Pipe { lines, reader } = &mut self else { return Vec::new() };
        if let Some(reader) = reader.take() {
            // The thread has only ended: it does not panic.
            let _ = reader.join();
        }
        std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Self::File(path) = self {
            // Programs removes the directory anyway.
            let _ = fs::remove_file(path);
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
