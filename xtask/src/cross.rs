//! Builds for a machine that is not this one.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command::output;
use crate::prerequisite::Purpose;

/// Another kind of machine, of this one's byte order.
pub(crate) struct Machine {
    /// As Rust names it.
    pub(crate) triple: &'static str,
    /// As Rust names its processor (`std::env::consts::ARCH`).
    pub(crate) architecture: &'static str,
    /// The C compiler that makes programs for it.
    pub(crate) compiler: &'static str,
    /// What runs a program of it here.
    pub(crate) emulator: &'static str,
    /// What has to be here to build for it.
    pub(crate) purpose: Purpose,
}

/// The one that can be built for from another.
pub(crate) const ARM64: Machine = Machine {
    triple: "aarch64-unknown-linux-gnu",
    architecture: "aarch64",
    compiler: "aarch64-linux-gnu-gcc",
    emulator: "qemu-aarch64-static -L /usr/aarch64-linux-gnu",
    purpose: Purpose::Arm64,
};

/// The machine of a triple, none if that is the host's own.
pub(crate) fn machine(triple: &str) -> Result<Option<&'static Machine>> {
    if triple == host()? {
        return Ok(None);
    }
    if triple == ARM64.triple {
        Ok(Some(&ARM64))
    } else {
        bail!("cannot build for {triple}; known is {}", ARM64.triple)
    }
}

/// The triple of this machine.
pub(crate) fn host() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV")).context("cannot run rustc -vV")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok(host.to_owned())
}

/// Whether the compiler of everything but the kernel side has the standard library for it.
pub(crate) fn has_standard_library(triple: &str) -> bool {
    let directory = output(Command::new("rustc").args(["--print", "target-libdir", "--target", triple]));
    directory.is_some_and(|path| Path::new(path.trim()).is_dir())
}

/// Cargo's setting for the program that starts programs of a triple.
pub(crate) fn runner_variable(triple: &str) -> String {
    format!("CARGO_TARGET_{}_RUNNER", triple.to_uppercase().replace('-', "_"))
}

impl Machine {
    pub(crate) fn runner_variable(&self) -> String {
        runner_variable(self.triple)
    }

    /// Has a command of Cargo's build for it.
    pub(crate) fn aim(&self, cargo: &mut Command) {
        let triple = self.triple.replace('-', "_");
        cargo.args(["--target", self.triple]);
        cargo.env(format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase()), self.compiler);
        cargo.env(format!("CC_{triple}"), self.compiler);
    }
}
