//! `cargo xtask deb`: a Debian package.
//!
//! Put together with dpkg's own programs from `examples/debian`, not by `cargo-deb`: manual pages and completions have to be
//! asked of the built program anyway, and what is left is a list of files and three scripts that anybody who packages it
//! for another distribution can read. It also takes a second, where compiling `cargo-deb` takes minutes.

mod documents;
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

/// The environment variable that names the package to tests.
pub(crate) const VARIABLE: &str = "EGRET_DEB";

/// Build a Debian package: the binary, its unit, manual pages, completions and configuration.
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

/// Makes the package of a built `egret`; says where it is.
pub(crate) fn package(binary: &Path) -> Result<PathBuf> {
    let directory = workspace::target()?.join("deb");
    let tree = Tree::empty(directory.join("egret"))?;
    tree.copy(binary, "usr/bin/egret", tree::PROGRAM)?;
    step(
        "strip",
        "packages have no symbols",
        Command::new("strip").arg("--strip-unneeded").arg(tree.root().join("usr/bin/egret")),
    )?;
    examples(&tree)?;
    documents::write(&tree, binary)?;
    let metadata = metadata::Metadata::of(&tree, binary)?;
    documents::changelogs(&tree, &metadata)?;
    metadata.write(&tree)?;
    let package = directory.join(metadata.file_name());
    let mut build = Command::new("dpkg-deb");
    // The same sources make the same package, bit for bit.
    build.env("SOURCE_DATE_EPOCH", metadata.epoch()).args(["--root-owner-group", "-Zxz", "--build"]);
    step("package", "what apt installs", build.arg(tree.root()).arg(&package))?;
    Ok(package)
}

/// What is installed as it is in the sources.
fn examples(tree: &Tree) -> Result<()> {
    let examples = workspace::root()?.join("examples");
    for (from, to) in [
        ("egret.toml", "etc/egret/egret.toml"),
        ("systemd/egret.service", "usr/lib/systemd/system/egret.service"),
        ("systemd/sysusers.d/egret.conf", "usr/lib/sysusers.d/egret.conf"),
        ("systemd/tmpfiles.d/egret.conf", "usr/lib/tmpfiles.d/egret.conf"),
        ("debian/lintian-overrides", "usr/share/lintian/overrides/egret"),
        ("README.md", "usr/share/doc/egret/examples/README.md"),
    ] {
        tree.copy(&examples.join(from), to, tree::FILE)?;
    }
    for directory in ["configurations", "fleet", "compose", "kubernetes", "container"] {
        tree.directory(&examples.join(directory), &format!("usr/share/doc/egret/examples/{directory}"))?;
    }
    Ok(())
}
