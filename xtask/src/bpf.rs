//! Compiles the kernel side and copies the object to the path that the rest of the build reads.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::step;
use crate::elf::without_debug_information;
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace;

const MANIFEST: &str = "ebpf/programs/Cargo.toml";

/// Compiles the kernel side; returns the path of the object.
pub(crate) fn build(toolchain: Toolchain) -> Result<PathBuf> {
    build_for(ARCH, toolchain)
}

/// The same for a processor.
pub(crate) fn build_for(architecture: &str, toolchain: Toolchain) -> Result<PathBuf> {
    let why = format!("the programs that run in the kernel, with {}", toolchain.describe());
    step("eBPF object", &why, &mut cargo(architecture, toolchain, "build", &[])?).context(
        "if bpf-linker cannot read the bitcode, its LLVM is not the compiler's: remove it and run `cargo xtask setup`",
    )?;
    let object = workspace::bpf_object_for(architecture)?;
    let built = target_directory(architecture)?.join(TARGET).join("release").join("egret-ebpf");
    replace_if_different(&built, &object)?;
    Ok(object)
}

/// Fails on any warning in the kernel side.
pub(crate) fn lint(toolchain: Toolchain) -> Result<()> {
    let warnings = ["-D", "warnings"];
    if toolchain.has_clippy() {
        let mut clippy = cargo(ARCH, toolchain, "clippy", &[])?;
        return step("BPF clippy", "the kernel side, warnings denied", clippy.arg("--").args(warnings));
    }
    let mut compile = cargo(ARCH, toolchain, "build", &warnings)?;
    step("BPF warnings", "the kernel side, warnings denied (its compiler has no Clippy here)", &mut compile)
}

fn cargo(architecture: &str, toolchain: Toolchain, subcommand: &str, more_flags: &[&str]) -> Result<Command> {
    let mut command = toolchain.cargo(subcommand)?;
    command.current_dir(workspace::root()?);
    command.args(["--manifest-path", MANIFEST, "--release", "--target", TARGET, "--target-dir"]);
    command.arg(target_directory(architecture)?);
    // Cargo's other sources of flags are for the host, and this one would win over `RUSTFLAGS`.
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", rust_flags(architecture, more_flags));
    Ok(command)
}

/// Separated by spaces, so none of them may hold one.
fn rust_flags(architecture: &str, more: &[&str]) -> String {
    let architecture = format!("--cfg=bpf_target_arch=\"{architecture}\"");
    let flags = ["-Clinker=bpf-linker", "-Clink-arg=--btf", "-Ctarget-cpu=v3", &architecture];
    [flags.as_slice(), more].concat().join(" ")
}

/// Of its own, so that the host's and the kernel's builds neither wait for nor invalidate each other.
fn target_directory(architecture: &str) -> Result<PathBuf> {
    let name = if architecture == ARCH { "bpf-build".to_owned() } else { format!("bpf-build-{architecture}") };
    Ok(workspace::target()?.join(name))
}

/// Copies the object without debug information. An equal object is not written again, as crates that embed it would be
/// recompiled.
fn replace_if_different(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let new = without_debug_information(&new).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let written = to.with_extension("new");
    let replace = || {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        fs::write(&written, &new)?;
        fs::rename(&written, to)
    };
    replace().with_context(|| format!("cannot write {}", to.display()))
}
