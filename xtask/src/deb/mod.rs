//! `cargo xtask deb`: a Debian package.
//!
//! dpkg's own programs build it from `examples/debian`. `cargo-deb` would save little: the built program writes manual pages
//! and completions in any case, and the rest is a list of files and three scripts, which packagers of other distributions can
//! read. This also takes a second, where compiling `cargo-deb` takes minutes.

mod documents;
mod links;
mod manual;
mod metadata;
mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Args;

use self::tree::Tree;
use crate::bpf;
use crate::build::{Profile, binaries};
use crate::command::step;
use crate::prerequisite::Purpose;
use crate::setup::{self, Policy};
use crate::workspace;

/// The environment variable in which tests find the path of the package.
pub(crate) const VARIABLE: &str = "EGRET_DEB";

/// Build a Debian package: the binary, its unit, configuration, manual pages, completions, guide, examples and dashboards.
///
/// Its path is the one line on standard output.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Package the quick build, which is compiled sooner and runs slower
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    policy: Policy,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        bpf::build(setup::ensure(Purpose::Deb, self.policy)?)?;
        let profile = if self.quick { Profile::Quick } else { Profile::Release };
        println!("{}", package(&binaries(profile, &["egret"])?.join("egret"))?.display());
        Ok(())
    }
}

/// Level of xz. dpkg-deb compresses its small blocks on all CPUs. Level 6, the default, takes six times the CPU time for a package
/// that is a seventh smaller. zstd is faster, but only dpkg 1.21.18 and later read it.
const COMPRESSION: &str = "-z1";

/// Builds the package of a built `egret`; returns its path.
pub(crate) fn package(binary: &Path) -> Result<PathBuf> {
    let directory = workspace::target()?.join("deb");
    let tree = Tree::empty(directory.join("egret"))?;
    tree.copy(binary, "usr/bin/egret", tree::PROGRAM)?;
    step(
        "strip",
        "packages have no symbols",
        Command::new("strip").arg("--strip-unneeded").arg(tree.root().join("usr/bin/egret")),
    )?;
    installed(&tree)?;
    documents::write(&tree, binary)?;
    let metadata = metadata::Metadata::of(&tree, binary)?;
    documents::changelogs(&tree, &metadata)?;
    links::check(&tree)?;
    metadata.write(&tree)?;
    let package = directory.join(metadata.file_name());
    let mut build = Command::new("dpkg-deb");
    // A build of the same sources gives the same package, bit for bit.
    build.env("SOURCE_DATE_EPOCH", metadata.epoch()).args(["--root-owner-group", "-Zxz", COMPRESSION, "--build"]);
    step("package", "what apt installs", build.arg(tree.root()).arg(&package))?;
    Ok(package)
}

/// Copies the files of `examples/` that are installed outside of the documentation.
fn installed(tree: &Tree) -> Result<()> {
    let examples = workspace::root()?.join("examples");
    for (from, to) in [
        ("egret.toml", "etc/egret/egret.toml"),
        ("systemd/egret.service", "usr/lib/systemd/system/egret.service"),
        ("systemd/sysusers.d/egret.conf", "usr/lib/sysusers.d/egret.conf"),
        ("systemd/tmpfiles.d/egret.conf", "usr/lib/tmpfiles.d/egret.conf"),
        ("debian/lintian-overrides", "usr/share/lintian/overrides/egret"),
    ] {
        tree.copy(&examples.join(from), to, tree::FILE)?;
    }
    Ok(())
}
