//! Paths of the workspace.

use std::env::{self, consts::ARCH};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The environment variable in which builds find the path of the compiled kernel side.
pub(crate) const BPF_OBJECT_VARIABLE: &str = "EGRET_BPF_OBJECT";

/// Manifests of crates outside the workspace, which are built for another target or with another toolchain.
pub(crate) const EXCLUDED: [&str; 2] = ["ebpf/programs/Cargo.toml", "tests/fuzz/Cargo.toml"];

/// Directory of the workspace's `Cargo.toml`.
pub(crate) fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not below a workspace")
}

/// Cargo's target directory: `CARGO_TARGET_DIR`, relative to the working directory as for Cargo, or `target` below the root.
pub(crate) fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR").filter(|directory| !directory.is_empty()) {
        Some(directory) => std::path::absolute(&directory).context("CARGO_TARGET_DIR is not a usable path"),
        None => Ok(root()?.join("target")),
    }
}

/// Path of the compiled kernel side.
pub(crate) fn bpf_object() -> Result<PathBuf> {
    bpf_object_for(ARCH)
}

/// Where it is put for a processor: its programs read registers, which are others on another.
pub(crate) fn bpf_object_for(architecture: &str) -> Result<PathBuf> {
    let directory = target()?.join("bpf");
    Ok(if architecture == ARCH { directory } else { directory.join(architecture) }.join("egret-ebpf"))
}
