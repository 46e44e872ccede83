//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The environment variable through which every build finds the compiled kernel side.
pub(crate) const BPF_OBJECT_VARIABLE: &str = "EGRET_BPF_OBJECT";

/// Crates outside the workspace, because they are built for another target or with another toolchain.
pub(crate) const EXCLUDED: [&str; 2] = ["ebpf/programs/Cargo.toml", "tests/fuzz/Cargo.toml"];

/// The directory that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not below a workspace")
}

/// Cargo's target directory: `CARGO_TARGET_DIR`, taken from where the user stands as Cargo does, or
/// `target` below the root.
pub(crate) fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR").filter(|directory| !directory.is_empty()) {
        Some(directory) => std::path::absolute(&directory).context("CARGO_TARGET_DIR is not a usable path"),
        None => Ok(root()?.join("target")),
    }
}

/// Where the compiled kernel side is put.
pub(crate) fn bpf_object() -> Result<PathBuf> {
    Ok(target()?.join("bpf").join("egret-ebpf"))
}
