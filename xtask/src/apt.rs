//! Debian packages.

use std::process::Command;
use std::sync::Once;

use anyhow::{Result, bail};

use crate::command::{find_program, output, step, succeeds};
use crate::privilege::as_root;

/// `--no-remove`, because some packages conflict with others that may be installed: `rustc-web` with Debian's `rustup`.
const OPTIONS: [&str; 4] = ["install", "--yes", "--no-install-recommends", "--no-remove"];

/// Whether this machine has `apt-get`.
pub(crate) fn is_available() -> bool {
    find_program("apt-get").is_some()
}

/// Whether `apt-get` can install all of the packages from the current package lists, without removing any.
pub(crate) fn offers(packages: &[&str]) -> bool {
    is_available() && succeeds(Command::new("apt-get").arg("--simulate").args(OPTIONS).args(packages))
}

/// The packages that installing some would bring, themselves among them, by the package lists at hand: each as `name=version`. Packages
/// that the installation would remove do not matter where the others are only unpacked.
pub(crate) fn brought_by(packages: &[&str]) -> Option<Vec<String>> {
    let simulated = output(
        Command::new("apt-get").args(["--simulate", "--yes", "--no-install-recommends", "install"]).args(packages),
    );
    Some(brought(&simulated?))
}

/// The packages in the lines `Inst NAME [OLD] (VERSION ...` of a simulation.
fn brought(simulated: &str) -> Vec<String> {
    let of_line = |line: &str| {
        let name = line.strip_prefix("Inst ")?.split(' ').next()?;
        let version = line.split_once('(')?.1.split(' ').next()?;
        Some(format!("{name}={version}"))
    };
    simulated.lines().filter_map(of_line).collect()
}

/// Installs packages, refreshing the package lists once before the first.
pub(crate) fn install(packages: &[&str], why: &str) -> Result<()> {
    if !is_available() {
        bail!("apt-get is not available; install what Debian calls {} by other means", packages.join(", "));
    }
    refresh();
    let mut command = apt_get("installing packages")?;
    step("Debian packages", why, command.args(OPTIONS).args(packages))
}

/// Fetches the package lists, once per process. A failure is not an error: the package may be in the other lists, and the
/// installation fails if it is not.
pub(crate) fn refresh() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let refreshed = apt_get("refreshing package lists").and_then(|mut command| {
            step("package lists", "old lists have packages that were removed", command.arg("update"))
        });
        if let Err(error) = refreshed {
            eprintln!("    continuing with the old package lists: {error:#}");
        }
    });
}

fn apt_get(purpose: &str) -> Result<Command> {
    // `env`, because sudo drops variables that are merely set for it.
    let mut command = as_root("env", purpose)?;
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::brought;

    #[test]
    fn a_simulation_names_packages_with_their_versions() {
        let text = "Remv qemu-utils [1:10.0]\nInst a [1.0] (1:2.0-3 Debian:12.15/oldstable [amd64]) [b:amd64 ]\nInst c (4 Debian [all])\nConf c (4)\n";
        assert_eq!(brought(text), ["a=1:2.0-3", "c=4"]);
    }
}
