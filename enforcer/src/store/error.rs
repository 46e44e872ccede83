//! What can be wrong with a baseline on disk.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::baseline::Problem;

/// A file that is no baseline. It is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It cannot be read.
    #[error("cannot read the baseline {path}: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It says what no baseline says.
    #[error("the baseline {path} is wrong{}", Lines { path, problems }, path = path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong, by line.
        problems: Vec<Problem>,
    },
}

/// Why a baseline was not written. What is in memory stays, and can be written later.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Somebody broke the file: it is not overwritten.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// Another program is changing it just now.
    #[error("another program is changing the baseline {path}", path = .0.display())]
    Busy(PathBuf),
    /// It cannot be locked or written.
    #[error("cannot {what} the baseline {path}: {error}", path = path.display())]
    Io {
        /// `lock` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

struct Lines<'a> {
    path: &'a PathBuf,
    problems: &'a [Problem],
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problems.iter().try_for_each(|Problem { line, reason }| {
            write!(f, "\n  {path}:{line}: {reason}", path = self.path.display())
        })
    }
}
