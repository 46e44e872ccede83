//! The mode over restarts: a file that is replaced whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use egret_enforcer::mode::Situation;

/// What was kept; `None` if nothing was.
///
/// # Errors
///
/// It cannot be read or understood. It is not guessed at: what was meant may have been to enforce.
pub(super) fn read(path: &Path) -> Result<Option<Situation>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("cannot read the mode that was kept in {}", path.display()))?,
    };
    let kept = serde_json::from_str(&text);
    kept.map(Some).with_context(|| {
        format!(
            "cannot understand the mode that was kept in {}; remove the file to begin with enforce.mode",
            path.display()
        )
    })
}

/// Keeps a situation: on disk when this returns, whatever happens then.
pub(super) fn write(path: &Path, situation: &Situation) -> Result<()> {
    let put = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(directory)?;
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let mut file = File::create(&fresh)?;
        serde_json::to_writer_pretty(&mut file, situation)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        File::open(directory)?.sync_all()
    };
    put().with_context(|| format!("cannot keep the mode in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use egret_enforcer::Mode;
    use egret_model::Timestamp;

    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_what_is_torn_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deeper/mode.json");
        assert_eq!(read(&path).unwrap(), None);
        let situation = Situation::new(Mode::Shadow, Timestamp(1_700_000_000_000_000_000));
        write(&path, &situation).unwrap();
        assert_eq!(read(&path).unwrap(), Some(situation));
        fs::write(&path, "{\"mode\": \"enf").unwrap();
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("mode.json"));
    }
}
