//! Example configurations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use egret_tests::{Scratch, egret, stdout_of, test};
use libtest_mimic::Trial;

use crate::{example, ran};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("configurations::examples_are_valid", right),
        test("configurations::mistake_in_an_example_is_reported", wrong),
        test("configurations::desktop_exempts_root_and_the_network_manager", desktop),
    ]
}

fn all() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(example("configurations")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.extend([example("egret.toml"), example("compose/egret.toml"), within_daemon_set()]);
    files
}

/// The configuration in the Kubernetes manifest, as a separate file.
fn within_daemon_set() -> PathBuf {
    let text = fs::read_to_string(example("kubernetes/daemonset.yaml")).unwrap();
    let (_, rest) = text.split_once("  egret.toml: |\n").unwrap();
    let (configuration, _) = rest.split_once("---\n").unwrap();
    assert!(configuration.lines().all(|line| line.is_empty() || line.starts_with("    ")), "{configuration}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("daemonset.toml");
    fs::write(&file, configuration).unwrap();
    file
}

fn check(file: &Path) -> Command {
    let mut command = Command::new(egret());
    command.args(["config", "check"]).arg(file);
    command
}

fn right() {
    let files = all();
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        let (succeeded, stdout, stderr) = ran(&mut check(&file));
        // One example names a group that not every host has.
        if !succeeded && stderr.lines().all(|line| line.ends_with("this host has no such group")) {
            continue;
        }
        assert!(succeeded && stdout.starts_with("ok: "), "{}: {stdout}{stderr}", file.display());
        // No warnings either, except about a group that this host may not have.
        let doubts: Vec<&str> = stderr.lines().filter(|line| !line.contains("control.group")).collect();
        assert_eq!(doubts, [""; 0], "{}", file.display());
    }
}

fn wrong() {
    let scratch = Scratch::new();
    for file in all() {
        let copy = scratch.path("copy.toml");
        fs::write(&copy, fs::read_to_string(&file).unwrap() + "\n[fallback]\nblocks = 0\n[enforce]\nmodes = 1\n")
            .unwrap();
        let (succeeded, stdout, stderr) = ran(&mut check(&copy));
        assert!(!succeeded && stdout.is_empty() && stderr.contains("copy.toml:"), "{}: {stderr}", file.display());
    }
}

fn desktop() {
    let mut show = Command::new(egret());
    let shown = stdout_of(show.args(["config", "show", "--config"]).arg(example("configurations/desktop.toml")));
    for line in ["bypass_users = [\"root\"]", "bypass_groups = [\"systemd-network\"]", "unattributed = \"allow\""] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "no {line}: {shown}");
    }
}
