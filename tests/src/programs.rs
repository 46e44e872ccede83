//! Paths of the programs under test.

use std::env;
use std::path::{Path, PathBuf};

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
