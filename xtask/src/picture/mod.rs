//! `cargo xtask picture`: the picture of a trace in the README, drawn from a real trace.

mod svg;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::bpf;
use crate::build::{Profile, binaries};
use crate::command::shell_line;
use crate::prerequisite::Purpose;
use crate::privilege::as_root;
use crate::setup::{self, Policy};
use crate::workspace;

/// Columns of the terminal in the picture.
const COLUMNS: &str = "118";

const SCENE: &str = "xtask/src/picture/scene.sh";
const PICTURE: &str = "docs/pictures/trace.svg";
/// The command in the picture.
const PROMPT: &str = "sudo egret trace -- ./release.sh";

/// Draw docs/pictures/trace.svg: trace a script in a network namespace, and keep what the terminal shows.
///
/// Needs script, unshare, ip, curl and python3.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: Policy,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        bpf::build(setup::ensure(Purpose::Run, self.policy)?)?;
        let egret = binaries(Profile::Quick, &["egret"])?.join("egret");
        let shown = run_scene(&egret)?;
        let picture = workspace::root()?.join(PICTURE);
        fs::write(&picture, svg::drawing(PROMPT, &shown)).with_context(|| format!("cannot write {PICTURE}"))?;
        println!("{}", picture.display());
        Ok(())
    }
}

/// Runs the scene; returns what it writes to the terminal.
fn run_scene(egret: &Path) -> Result<String> {
    let directory = workspace::target()?.join("picture");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut inside = Command::new("bash");
    inside.arg(workspace::root()?.join(SCENE)).arg(&directory).arg(egret).arg(COLUMNS);
    let mut command = as_root("unshare", "making namespaces")?;
    command.args(["--net", "--mount", "script", "--quiet", "--return", "--command", &shell_line(&inside), "/dev/null"]);
    command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let output = command.output().context("cannot start unshare")?;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("the scene ended with {}: {shown}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(shown)
}
