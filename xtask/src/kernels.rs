//! Kernels of distributions. They are downloaded and unpacked below Cargo's target directory, never installed.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::apt;
use crate::command::{output, step};
use crate::workspace;

/// A kernel to test on.
struct Kernel {
    version: &'static str,
    archive: &'static str,
    suite: &'static str,
    /// As Debian names the processor.
    architecture: &'static str,
    /// Packages that are unpacked with it.
    with: &'static [&'static str],
}

const DEBIAN: &str = "http://deb.debian.org/debian";
const SECURITY: &str = "http://deb.debian.org/debian-security";
/// Keys of all releases, in the package `debian-archive-keyring`.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Kernels of Debian 11, 12 and 13, and the newest in Debian 13's backports.
const KERNELS: [Kernel; 4] = [
    Kernel { version: "5.10", archive: SECURITY, suite: "bullseye-security", architecture: "amd64", with: &[] },
    Kernel { version: "6.1", archive: DEBIAN, suite: "bookworm", architecture: "amd64", with: &[] },
    Kernel { version: "6.12", archive: DEBIAN, suite: "trixie", architecture: "amd64", with: &[] },
    Kernel { version: "newest", archive: DEBIAN, suite: "trixie-backports", architecture: "amd64", with: &[] },
];

/// Debian 13's for another processor, and what a machine starts with where the host's programs do not run.
const ARM64: Kernel =
    Kernel { version: "arm64", archive: DEBIAN, suite: "trixie", architecture: "arm64", with: &["busybox-static"] };

/// The packages that a kernel of a suite is divided into.
const PARTS: [&str; 3] = ["linux-image-", "linux-binary-", "linux-modules-"];

/// The environment variables in which tests find the directory of kernels, and the versions to test.
pub(crate) const PLACE: &str = "EGRET_KERNELS";
pub(crate) const WANTED: &str = "EGRET_KERNELS_WANTED";

pub(crate) fn directory() -> Result<PathBuf> {
    Ok(workspace::target()?.join("kernels"))
}

/// The versions that ordinary tests boot: the oldest supported one, and Debian 12's.
const ORDINARY: [&str; 2] = ["5.10", "6.1"];

/// Whether the versions that ordinary tests boot are there.
pub(crate) fn has_ordinary() -> Result<bool> {
    let kernels = directory()?;
    Ok(ORDINARY.iter().all(|version| kernels.join(version).join("kernel").exists()))
}

/// Fetches the versions that ordinary tests boot.
pub(crate) fn fetch_ordinary() -> Result<()> {
    fetch(&ORDINARY.map(str::to_owned)).map(drop)
}

/// Fetches the given versions, or all if none are given, as far as they are not there; returns the versions.
pub(crate) fn fetch(versions: &[String]) -> Result<Vec<&'static str>> {
    if let Some(unknown) = versions.iter().find(|version| KERNELS.iter().all(|kernel| kernel.version != **version)) {
        let known: Vec<&str> = KERNELS.iter().map(|kernel| kernel.version).collect();
        bail!("unknown kernel {unknown}; expected one of {}", known.join(", "));
    }
    let wanted = |kernel: &&Kernel| versions.is_empty() || versions.iter().any(|version| version == kernel.version);
    let mut found = Vec::new();
    for kernel in KERNELS.iter().filter(wanted) {
        kernel.provide().with_context(|| format!("cannot fetch Linux {}", kernel.version))?;
        found.push(kernel.version);
    }
    Ok(found)
}

/// Fetches the one for arm64; returns its version.
pub(crate) fn fetch_arm64() -> Result<&'static str> {
    ARM64.provide().context("cannot fetch Linux for arm64")?;
    Ok(ARM64.version)
}

/// Firewalls of others, beside which egret is tried on one kernel, and the file that says that all their packages are there.
const OTHERS: [&str; 3] = ["ufw", "firewalld", "docker.io"];
const ALL_THERE: &str = "complete";

/// Fetches their packages, to be unpacked in a machine that forgets them.
pub(crate) fn fetch_others() -> Result<()> {
    let place = directory()?.join("packages");
    if place.join(ALL_THERE).exists() {
        return Ok(());
    }
    fs::create_dir_all(&place)?;
    let packages =
        apt::brought_by(&OTHERS).with_context(|| format!("the package lists lack one of {}", OTHERS.join(", ")))?;
    let mut download = Command::new("apt-get");
    let download = download.args(["download", "--quiet"]).args(packages).current_dir(&place);
    step("packages", "of firewalls beside which egret is tried", download)?;
    fs::write(place.join(ALL_THERE), "").context("cannot say that all packages are there")
}

impl Kernel {
    fn provide(&self) -> Result<()> {
        let place = directory()?.join(self.version);
        if place.join("kernel").exists() {
            return Ok(());
        }
        let apt = Apt::new(self, &place)?;
        step("package lists", "of another release, kept apart", apt.command("apt-get").args(["--quiet", "update"]))?;
        let newest = apt.depends(&format!("linux-image-{}", self.architecture))?;
        let newest = newest.iter().find(|package| package.starts_with(PARTS[0])).context("the suite has no kernel")?;
        let mut packages = vec![newest.clone()];
        let is_part = |package: &String| PARTS[1..].iter().any(|part| package.starts_with(part));
        packages.extend(apt.depends(newest)?.into_iter().filter(is_part));
        packages.extend(self.with.iter().map(|&package| package.to_owned()));
        let fetched = place.join("fetched");
        fs::create_dir_all(&fetched)?;
        let mut download = apt.command("apt-get");
        step(
            newest,
            "egret is tested on it",
            download.args(["--quiet", "download"]).args(&packages).current_dir(&fetched),
        )?;
        let root = place.join("root");
        for package in fs::read_dir(&fetched)? {
            let mut unpack = Command::new("dpkg-deb");
            step("unpack", "not installed", unpack.arg("--extract").arg(package?.path()).arg(&root))?;
        }
        fs::remove_dir_all(&fetched)?;
        finish(&place, &root)
    }
}

/// Runs depmod, and links the kernel to a path without its version.
fn finish(place: &Path, root: &Path) -> Result<()> {
    if !root.join("lib").exists() {
        // Newer packages have modules below `usr/lib` only, where `depmod` does not look.
        symlink("usr/lib", root.join("lib")).context("cannot link the modules")?;
    }
    let modules = root.join("lib/modules");
    let release = fs::read_dir(&modules)?.next().context("the package has no modules")??.file_name();
    let mut list = Command::new("/sbin/depmod");
    step("depmod", "lists dependencies of modules", list.arg("--basedir").arg(root).arg(&release))?;
    let image = [root.join("boot").join(named("vmlinuz-", &release)), modules.join(&release).join("vmlinuz")];
    let image = image.into_iter().find(|path| path.is_file()).context("the package has no kernel")?;
    symlink(image, place.join("kernel")).context("cannot link the kernel")
}

fn named(before: &str, release: &OsString) -> OsString {
    let mut name = OsString::from(before);
    name.push(release);
    name
}

/// apt with separate package lists and no installed packages.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(kernel: &Kernel, place: &Path) -> Result<Self> {
        let state = place.join("apt");
        for directory in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(state.join(directory))?;
        }
        let sources = state.join("sources.list");
        fs::write(&sources, format!("deb [signed-by={KEYS}] {} {} main\n", kernel.archive, kernel.suite))?;
        let state = state.display();
        let options = [
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::lists={state}/lists"),
            format!("Dir::Cache={state}"),
            "Dir::State::status=/dev/null".to_owned(),
            format!("APT::Architecture={}", kernel.architecture),
            format!("APT::Architectures={}", kernel.architecture),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            // Lists of old releases are no longer renewed.
            "Acquire::Check-Valid-Until=false".to_owned(),
        ];
        Ok(Self { options: options.into() })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.options.iter().for_each(|option| {
            command.args(["-o", option]);
        });
        command
    }

    /// Packages that the newest version of a package depends on.
    fn depends(&self, package: &str) -> Result<Vec<String>> {
        let text = output(self.command("apt-cache").args(["show", "--no-all-versions", package]));
        let text = text.with_context(|| format!("the suite has no {package}"))?;
        Ok(depended_on(&text))
    }
}

/// Package names in the field `Depends` of a package's description.
fn depended_on(description: &str) -> Vec<String> {
    let field = description.lines().find_map(|line| line.strip_prefix("Depends: ")).unwrap_or_default();
    field.split(", ").filter_map(|one| one.split_whitespace().next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::depended_on;

    #[test]
    fn depends_field_is_parsed() {
        let text = "Package: a\nVersion: 1\nDepends: dracut | linux-initramfs-tool, linux-binary-7 (= 7.3), linux-modules-7 (= 7.3)\n";
        assert_eq!(depended_on(text), ["dracut", "linux-binary-7", "linux-modules-7"]);
        assert!(depended_on("Package: a\n").is_empty());
    }
}
