//! Programs taken out of Debian packages that are not installed: a test needs the program, not the service that the
//! package starts.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::apt;
use crate::command::step;
use crate::workspace;

fn directory() -> Result<PathBuf> {
    Ok(workspace::target()?.join("debian"))
}

fn programs() -> Result<PathBuf> {
    Ok(directory()?.join("usr").join("bin"))
}

/// Where a program is once it is unpacked.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    Ok(programs()?.join(name))
}

/// The search path with the unpacked programs at its end.
pub(crate) fn search_path() -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(env::split_paths(&path).chain([programs()?]))?)
}

/// Fetches a package and unpacks it.
pub(crate) fn install(package: &str, why: &str) -> Result<()> {
    if !apt::is_available() {
        bail!("there is no apt-get here; install what Debian calls {package} by other means");
    }
    apt::refresh();
    let directory = directory()?;
    let fetched = directory.join("fetched");
    fs::create_dir_all(&fetched).with_context(|| format!("cannot make {}", fetched.display()))?;
    let mut download = Command::new("apt-get");
    step(package, why, download.args(["download", "--quiet", package]).current_dir(&fetched))?;
    let prefix = format!("{package}_");
    for entry in fs::read_dir(&fetched)?.collect::<Result<Vec<_>, _>>()? {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let mut unpack = Command::new("dpkg-deb");
            step(package, "unpacked, not installed", unpack.arg("--extract").arg(entry.path()).arg(&directory))?;
        }
    }
    Ok(())
}
