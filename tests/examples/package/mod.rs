//! The Debian package: it installs, starts, stops and purges in a minimal Debian, and leaves no file behind.
//!
//! The test does what systemd would do by the unit: its user, capabilities, directories and commands. systemd itself
//! needs to be the first process of a machine, or of a container with privileges that this test may lack.

mod chroot;
mod service;

use std::path::PathBuf;
use std::process::Command;

use egret_tests::{in_full, needing, stdout_of, test, until};
use libtest_mimic::Trial;

use self::chroot::Chroot;
use self::service::Service;
use crate::ran;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        in_full(needing("dpkg-deb", test("package::package_contains_its_documented_files", contents))),
        in_full(needing("lintian", test("package::package_follows_debian_policy", policy))),
        in_full(needing("debootstrap", test("package::purge_leaves_no_file", life))),
    ]
}

/// The package that `cargo xtask deb` made.
fn package() -> PathBuf {
    std::env::var_os("EGRET_DEB").expect("`cargo xtask test --full` makes the package").into()
}

/// Required files: documents, completions and units.
const FILES: [&str; 24] = [
    "etc/egret/egret.toml",
    "usr/bin/egret",
    "usr/lib/systemd/system/egret.service",
    "usr/lib/sysusers.d/egret.conf",
    "usr/lib/tmpfiles.d/egret.conf",
    "usr/share/bash-completion/completions/egret",
    "usr/share/fish/vendor_completions.d/egret.fish",
    "usr/share/zsh/vendor-completions/_egret",
    "usr/share/man/man1/egret.1.gz",
    "usr/share/man/man5/egret.toml.5.gz",
    "usr/share/man/man5/egret-baseline.5.gz",
    "usr/share/man/man8/egret-run.8.gz",
    "usr/share/man/man1/egret-baseline-learn.1.gz",
    "usr/share/doc/egret/README.md",
    "usr/share/doc/egret/copyright",
    "usr/share/doc/egret/docs/baseline.md",
    "usr/share/doc/egret/docs/adr/0001-state-in-the-socket.md",
    "usr/share/doc/egret/docs/pictures/overview.png",
    "usr/share/doc/egret/examples/compose/compose.yaml",
    "usr/share/doc/egret/examples/configurations/server.toml",
    "usr/share/doc/egret/examples/systemd/egret.service",
    "usr/share/doc/egret/grafana/alerts/egret.yml",
    "usr/share/doc/egret/grafana/dashboards/overview.json",
    "usr/share/doc/egret/grafana/provisioning/datasources/egret.yml",
];

fn contents() {
    let listed = stdout_of(Command::new("dpkg-deb").arg("--contents").arg(package()));
    for file in FILES {
        assert!(listed.lines().any(|line| line.ends_with(&format!(" ./{file}"))), "no {file}: {listed}");
    }
    assert!(listed.lines().all(|line| line.contains(" root/root ")), "{listed}");
}

fn policy() {
    let mut lintian = Command::new("lintian");
    let (passes, stdout, stderr) = ran(lintian.args(["--allow-root", "--fail-on", "error,warning"]).arg(package()));
    assert!(passes, "{stdout}{stderr}");
}

fn life() {
    let debian = Chroot::new();
    // The tool leaves a lock file of root behind.
    stdout_of(debian.command("iptables-legacy").args(["--policy", "OUTPUT", "ACCEPT"]));
    let before = debian.listing();
    debian.install(&package());
    let state = |name: &str| stdout_of(debian.command("dpkg-query").args(["--show", "--showformat", name, "egret"]));
    assert_eq!(state("${db:Status-Abbrev}"), "ii ");
    assert!(state("${Conffiles}").contains("/etc/egret/egret.toml"));
    assert_eq!(stdout_of(debian.command("dpkg").args(["--verify", "egret"])), "");
    let stat = |path: &str| stdout_of(debian.command("stat").args(["--format", "%U:%G %a", path]));
    assert_eq!(stat("/var/lib/egret"), "egret:egret 750\n");
    assert!(debian.path("etc/systemd/system/multi-user.target.wants/egret.service").is_symlink());

    watched(&debian);
    enforced(&debian, "legacy");
    enforced(&debian, "nft");

    stdout_of(debian.command("dpkg").args(["--remove", "egret"]));
    assert!(debian.path("etc/egret/egret.toml").exists() && debian.path("var/lib/egret/log").exists());
    stdout_of(debian.command("dpkg").args(["--purge", "egret"]));
    let after = debian.listing();
    let difference: Vec<_> = before.symmetric_difference(&after).collect();
    assert_eq!(difference, Vec::<&String>::new());
}

/// It starts, captures, answers, and stops; its log has the captured flows.
fn watched(debian: &Chroot) {
    let service = Service::start(debian);
    stdout_of(debian.command("egret").args(["status"]));
    debian.connect();
    assert_eq!(service.stop(), Some(0));
    let seen = stdout_of(debian.command("egret").args(["log", "--format", "json"]));
    assert!(
        seen.lines().any(|event| event.contains("\"connection.failed\"") && event.contains("/usr/bin/bash")),
        "{seen}"
    );
}

/// It installs rules; neither a crash nor a stop leaves them.
fn enforced(debian: &Chroot, kind: &str) {
    debian.choose(kind);
    let rules = || stdout_of(&mut debian.command(&format!("iptables-{kind}-save"))).contains("--comment egret");
    let installed = || until("rules", || rules().then_some(()));
    let service = Service::start(debian);
    stdout_of(debian.command("egret").args(["mode", "shadow"]));
    assert!(rules());
    assert_eq!(service.crash(), None);
    assert!(!rules());
    // A restart keeps the mode.
    let service = Service::start(debian);
    installed();
    assert_eq!(service.stop(), Some(0));
    assert!(!rules());
    // With `closed`, the rules stay until they are removed explicitly.
    let configuration = debian.path("etc/egret/egret.toml");
    let shipped = std::fs::read_to_string(&configuration).unwrap();
    let closed = shipped.replace("#on_failure = \"open\"", "on_failure = \"closed\"");
    std::fs::write(&configuration, closed).unwrap();
    let service = Service::start(debian);
    installed();
    assert_eq!(service.crash(), None);
    assert!(rules());
    stdout_of(debian.command("egret").args(["firewall", "remove"]));
    assert!(!rules());
    std::fs::write(&configuration, shipped).unwrap();
    let service = Service::start(debian);
    stdout_of(debian.command("egret").args(["mode", "observe"]));
    assert!(!rules());
    assert_eq!(service.stop(), Some(0));
}
