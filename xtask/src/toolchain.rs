//! The compiler for the kernel side.
//!
//! The BPF target has no prebuilt `core` in rustup. Debian packages one for its own compiler; elsewhere a
//! nightly compiler builds `core` from `rust-src`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::apt;
use crate::command::{cargo, find_program, output, succeeds};

/// Little or big endian, as the host: maps and ring records are shared memory.
pub(crate) const TARGET: &str =
    if cfg!(target_endian = "little") { "bpfel-unknown-none" } else { "bpfeb-unknown-none" };

/// The packages of [`Toolchain::Debian`].
pub(crate) const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "libstd-rust-web-dev-bpf"];

/// LLVM version of Debian's `rustc-web`, used until that is installed and prints its own.
const DEBIAN_LLVM: u32 = 22;

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";

/// The environment variable that overrides the choice.
const VARIABLE: &str = "EGRET_BPF_TOOLCHAIN";

/// Where the compiler for the kernel side comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// Debian's `rustc-web` and its prebuilt `core`.
    Debian,
    /// rustup's nightly, building `core` itself.
    Nightly,
}

impl Toolchain {
    /// The one that `EGRET_BPF_TOOLCHAIN` names, if it is set.
    ///
    /// # Errors
    ///
    /// Fails if the variable holds anything but `debian` or `nightly`.
    pub(crate) fn named() -> Result<Option<Self>> {
        env::var_os(VARIABLE).map(|name| Self::from_name(&name.to_string_lossy())).transpose()
    }

    /// The toolchain that is installed, if any is.
    pub(crate) fn installed() -> Option<Self> {
        [Self::Debian, Self::Nightly].into_iter().find(|toolchain| toolchain.is_installed())
    }

    /// The toolchain that apt's current package lists can install.
    pub(crate) fn installable() -> Self {
        if apt::offers(&DEBIAN_PACKAGES) { Self::Debian } else { Self::Nightly }
    }

    fn from_name(name: &str) -> Result<Self> {
        match name {
            "debian" => Ok(Self::Debian),
            "nightly" => Ok(Self::Nightly),
            other => bail!("{VARIABLE} is {other:?}; it may be debian or nightly"),
        }
    }

    /// Description for messages.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Debian => format!("Debian's {DEBIAN_RUSTC} with its prebuilt core"),
            Self::Nightly => "rustup's nightly, building core from rust-src".to_owned(),
        }
    }

    /// Whether the compiler and `core` for the BPF target are installed.
    pub(crate) fn is_installed(self) -> bool {
        match self {
            Self::Debian => debian_core_directory().is_some_and(|directory| holds_core(&directory)),
            Self::Nightly => {
                let sysroot = output(self.rustc().args(["--print", "sysroot"]));
                sysroot.is_some_and(|path| Path::new(path.trim()).join("lib/rustlib/src/rust/library/core").is_dir())
            }
        }
    }

    /// Major version of the compiler's LLVM, which the linker's must match.
    pub(crate) fn llvm(self) -> Option<u32> {
        let version = output(self.rustc().arg("-vV"));
        let asked = version.as_deref().and_then(llvm_major);
        asked.or((self == Self::Debian).then_some(DEBIAN_LLVM))
    }

    /// A Cargo subcommand that uses this compiler.
    pub(crate) fn cargo(self, subcommand: &str) -> Result<Command> {
        let mut command = match self {
            Self::Debian if subcommand == "clippy" => debian_cargo(Command::new(DEBIAN_CLIPPY)),
            Self::Debian => debian_cargo(Command::new(cargo()?.get_program())),
            Self::Nightly => rustup_nightly("cargo"),
        };
        command.arg(subcommand);
        if self == Self::Nightly {
            command.args(["-Z", "build-std=core"]);
        }
        Ok(command)
    }

    /// Whether Clippy is installed for this compiler.
    pub(crate) fn has_clippy(self) -> bool {
        match self {
            Self::Debian => Path::new(DEBIAN_CLIPPY).is_file(),
            Self::Nightly => succeeds(rustup_nightly("cargo").args(["clippy", "--version"])),
        }
    }

    fn rustc(self) -> Command {
        match self {
            Self::Debian => debian_environment(Command::new(DEBIAN_RUSTC)),
            Self::Nightly => rustup_nightly("rustc"),
        }
    }
}

/// Whether rustup is installed.
pub(crate) fn has_rustup() -> bool {
    find_program("rustup").is_some()
}

fn rustup_nightly(program: &str) -> Command {
    let mut command = Command::new("rustup");
    // A `RUSTC` set for the rest of the build would win over the toolchain named here.
    command.env_remove("RUSTC").args(["run", "nightly", program]);
    command
}

fn debian_environment(mut command: Command) -> Command {
    // Cargo puts its own toolchain's libraries there for whatever it runs, this program included.
    command.env_remove("LD_LIBRARY_PATH");
    command
}

fn debian_cargo(command: Command) -> Command {
    let mut command = debian_environment(command);
    // The BPF target, its linker and `asm!` for it are unstable; the bootstrap switch admits them on a
    // release compiler.
    command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
    command
}

fn debian_core_directory() -> Option<PathBuf> {
    let directory = output(Toolchain::Debian.rustc().args(["--print", "target-libdir", "--target", TARGET]))?;
    Some(PathBuf::from(directory.trim()))
}

fn holds_core(directory: &Path) -> bool {
    let Ok(entries) = directory.read_dir() else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

/// The major number in the `LLVM version: 22.1.8` line of `rustc -vV`.
fn llvm_major(version: &str) -> Option<u32> {
    let number = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    number.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llvm_version_is_read_from_the_output_of_rustc() {
        assert_eq!(llvm_major("rustc 1.96.0\nrelease: 1.96.0\nLLVM version: 22.1.8\n"), Some(22));
        assert_eq!(llvm_major("rustc 1.96.0\nrelease: 1.96.0\n"), None);
    }

    #[test]
    fn error_names_the_unknown_toolchain() {
        let error = Toolchain::from_name("stable").unwrap_err();
        assert!(error.to_string().contains("\"stable\""), "{error}");
    }
}
