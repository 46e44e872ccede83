//! Debian packages.

use std::process::Command;
use std::sync::Once;

use anyhow::{Result, bail};

use crate::command::{find_program, step, succeeds};
use crate::privilege::as_root;

/// Nothing that is installed is ever removed to make room: `rustc-web` conflicts with Debian's `rustup`, say.
const OPTIONS: [&str; 4] = ["install", "--yes", "--no-install-recommends", "--no-remove"];

/// Whether this machine has `apt-get`.
pub(crate) fn is_available() -> bool {
    find_program("apt-get").is_some()
}

/// Whether `apt-get` could install all the packages, by the package lists at hand, without removing any.
pub(crate) fn offers(packages: &[&str]) -> bool {
    is_available() && succeeds(Command::new("apt-get").arg("--simulate").args(OPTIONS).args(packages))
}

/// Installs packages, refreshing the package lists once before the first.
pub(crate) fn install(packages: &[&str], why: &str) -> Result<()> {
    if !is_available() {
        bail!("there is no apt-get here; install what Debian calls {} by other means", packages.join(", "));
    }
    refresh();
    let mut command = apt_get("installing packages")?;
    step("Debian packages", why, command.args(OPTIONS).args(packages))
}

/// Fetches the package lists, once in the life of this process. A list that cannot be fetched is no reason to
/// stop: what is needed may be on the others, and if not, the installation says so.
pub(crate) fn refresh() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let refreshed = apt_get("refreshing package lists").and_then(|mut command| {
            step("package lists", "old ones name packages that are gone", command.arg("update"))
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
