//! Paths of the programs under test.

use std::env;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The `egret` binary.
#[must_use]
pub fn egret() -> PathBuf {
    program("EGRET_BIN", "egret")
}

/// The traffic generator.
#[must_use]
pub fn traffic() -> PathBuf {
    program("EGRET_TRAFFIC", "egret-traffic")
}

/// Copies a program to where every user can run it.
///
/// # Panics
///
/// If it cannot be copied.
pub fn copy_program(from: &Path, to: &Path) {
    install(from.as_os_str(), to, &[]);
}

/// Writes a program that every user can run.
///
/// # Panics
///
/// If it cannot be written.
pub fn write_program(to: &Path, contents: &[u8]) {
    install(OsStr::new("/dev/stdin"), to, contents);
}

/// A process of its own writes the file: a child that another thread forks meanwhile would keep a descriptor of this
/// process open for writing until it executes its program, and the kernel runs no file that is open for writing
/// (`ETXTBSY`).
fn install(from: &OsStr, to: &Path, stdin: &[u8]) {
    let mut install = Command::new("install");
    install.args(["-m", "755", "--"]).arg(from).arg(to).stdin(Stdio::piped());
    let mut child = install.spawn().unwrap_or_else(|error| panic!("install: {error}"));
    child.stdin.take().expect("it is piped").write_all(stdin).unwrap_or_else(|error| panic!("install: {error}"));
    let status = child.wait().expect("a child can be waited for");
    assert!(status.success(), "{install:?}: {status}");
}

/// The path in `variable`, else the release build beside the running test. Resolved, because egret reports resolved
/// paths.
fn program(variable: &str, name: &str) -> PathBuf {
    let path = env::var_os(variable).map_or_else(|| released(name), PathBuf::from);
    path.canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask test` builds what the tests need", path.display()))
}

/// Tests run from `target/PROFILE/deps`.
fn released(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    test.ancestors().nth(3).unwrap_or(Path::new("target")).join("release").join(name)
}
