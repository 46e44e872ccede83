//! Programs taken out of Debian packages that are not installed: a test needs the program, not the service that the package
//! starts, nor may it remove what somebody else has installed.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::apt;
use crate::command::{shell_line, step};
use crate::workspace;

fn directory() -> Result<PathBuf> {
    Ok(workspace::target()?.join("debian"))
}

fn programs() -> Result<PathBuf> {
    Ok(directory()?.join("usr").join("bin"))
}

/// Path of an unpacked program.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    Ok(programs()?.join(name))
}

/// `PATH` with the directory of unpacked programs at its end.
pub(crate) fn search_path() -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(env::split_paths(&path).chain([programs()?]))?)
}

/// Downloads a package and unpacks it.
pub(crate) fn install(package: &str, why: &str) -> Result<()> {
    check_apt(package)?;
    apt::refresh();
    let directory = directory()?;
    fetch(&[package.to_owned()], &directory.join("fetched"), &directory, why)
}

/// Fetches a package and all that it needs and the host lacks, unpacks them into a directory of their own, and puts a program of
/// the package, which finds its libraries there, on the search path.
pub(crate) fn install_whole(program: &str, package: &str, why: &str) -> Result<()> {
    check_apt(package)?;
    apt::refresh();
    let packages = apt::brought_by(&[package]).with_context(|| format!("the package lists have no {package}"))?;
    let root = workspace::target()?.join(package);
    fetch(&packages, &root.join("fetched"), &root, why)?;
    let real = root.join("usr/bin").join(program);
    if !real.is_file() {
        bail!("{package} has no {program}");
    }
    let libraries = env::join_paths(libraries(&root)?)?;
    let libraries = libraries.to_str().context("the target directory's name is no UTF-8")?;
    let mut start = Command::new(&real);
    start.env("LD_LIBRARY_PATH", libraries);
    let script = self::program(program)?;
    fs::create_dir_all(programs()?)?;
    fs::write(&script, format!("#!/bin/sh\nexec env {} \"$@\"\n", shell_line(&start)))?;
    fs::set_permissions(&script, Permissions::from_mode(0o755)).context("cannot make a script executable")
}

fn check_apt(package: &str) -> Result<()> {
    if apt::is_available() {
        Ok(())
    } else {
        bail!("there is no apt-get here; install what Debian calls {package} by other means")
    }
}

/// Downloads packages into one directory and unpacks them into another.
fn fetch(packages: &[String], fetched: &Path, root: &Path, why: &str) -> Result<()> {
    fs::create_dir_all(fetched).with_context(|| format!("cannot make {}", fetched.display()))?;
    let mut download = Command::new("apt-get");
    let what = packages.last().map(String::as_str).unwrap_or_default();
    step(what, why, download.args(["download", "--quiet"]).args(packages).current_dir(fetched))?;
    for entry in fs::read_dir(fetched)? {
        let file = entry?.path();
        if file.extension() == Some(OsStr::new("deb")) {
            let mut unpack = Command::new("dpkg-deb");
            step("unpack", "not installed", unpack.arg("--extract").arg(&file).arg(root))?;
            fs::remove_file(&file)?;
        }
    }
    Ok(())
}

/// The directories that have shared libraries: those of the packages, and those that single packages keep for themselves.
fn libraries(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for directory in ["usr/lib", "lib"].map(|name| root.join(name)).into_iter().filter(|path| path.is_dir()) {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?.path();
            let below = fs::read_dir(&entry).into_iter().flatten().flatten().map(|entry| entry.path());
            found.extend(below.chain([entry.clone()]).filter(|path| has_library(path)));
        }
    }
    Ok(found)
}

fn has_library(directory: &Path) -> bool {
    let is_library =
        |name: OsString| name.to_string_lossy().starts_with("lib") && name.to_string_lossy().contains(".so.");
    fs::read_dir(directory)
        .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| is_library(entry.file_name()))))
}
