//! The file of the mode state, which is replaced whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::mode::ModeState;

/// Why the mode state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// The file cannot be read.
    #[error("cannot read the mode that was kept in {path}: {error}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file cannot be parsed. It is not guessed at: its mode may have been enforce.
    #[error(
        "cannot understand the mode that was kept in {path}; remove the file to begin with enforce.mode: {error}",
        path = path.display()
    )]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
    /// The file cannot be written.
    #[error("cannot keep the mode in {path}: {error}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The mode state in the file; `None` if there is no file.
///
/// # Errors
///
/// The file cannot be read or parsed.
pub(super) fn read(path: &Path) -> Result<Option<ModeState>, StateFileError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| StateFileError::Read { path: path.to_owned(), error })?,
    };
    let parsed = serde_json::from_str(&text);
    parsed.map(Some).map_err(|error| StateFileError::Parse { path: path.to_owned(), error })
}

/// Writes the mode state: it is on disk when this returns.
///
/// # Errors
///
/// The file cannot be written.
pub(super) fn write(path: &Path, state: &ModeState) -> Result<(), StateFileError> {
    let put = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(directory)?;
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let mut file = File::create(&fresh)?;
        serde_json::to_writer_pretty(&mut file, state)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        File::open(directory)?.sync_all()
    };
    put().map_err(|error| StateFileError::Write { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use egret_model::Timestamp;

    use super::*;
    use crate::mode::Mode;

    #[test]
    fn written_state_is_parsed_back_and_a_torn_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deeper/mode.json");
        assert_eq!(read(&path).unwrap(), None);
        let state = ModeState::new(Mode::Shadow, Timestamp(1_700_000_000_000_000_000));
        write(&path, &state).unwrap();
        assert_eq!(read(&path).unwrap(), Some(state));
        fs::write(&path, "{\"mode\": \"enf").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("mode.json"));
    }
}
