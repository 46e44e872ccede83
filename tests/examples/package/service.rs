//! Runs the unit without systemd.

use std::fs;
use std::process::{Command, Stdio};

use egret_tests::{Process, stdout_of, until};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::chroot::Chroot;
use crate::{example, ran};

/// A daemon started as the unit says.
pub(super) struct Service<'a> {
    debian: &'a Chroot,
    unit: Unit,
    process: Process,
}

impl<'a> Service<'a> {
    /// Starts it, and waits until it has started.
    pub(super) fn start(debian: &'a Chroot) -> Self {
        let unit = Unit::read();
        let [user, group, directory] = ["User", "Group", "RuntimeDirectory"].map(|key| unit.value(key));
        let run = format!("/run/{directory}");
        stdout_of(debian.command("install").args([
            "-d",
            "-o",
            user,
            "-g",
            group,
            "-m",
            unit.value("RuntimeDirectoryMode"),
            &run,
        ]));
        let words: Vec<&str> = unit.value("ExecStart").split(' ').collect();
        let errors = fs::File::create(debian.path("tmp/stderr")).unwrap();
        let process = Process::start(unit.command(debian).args(words).stdin(Stdio::null()).stderr(errors));
        let service = Self { debian, unit, process };
        until("the daemon to have started", || {
            let (answers, status, _) = ran(debian.command("egret").args(["status", "--json"]));
            let has_started = |status: Value| status["starting"] == false;
            (answers && serde_json::from_str(&status).is_ok_and(has_started)).then_some(())
        });
        service
    }

    /// Stops it; returns its exit status.
    pub(super) fn stop(self) -> Option<i32> {
        self.end(Signal::SIGTERM, "success")
    }

    /// Kills it.
    pub(super) fn crash(self) -> Option<i32> {
        self.end(Signal::SIGKILL, "signal")
    }

    fn end(mut self, signal: Signal, result: &str) -> Option<i32> {
        self.process.signal(signal);
        let status = self.process.wait().code();
        let stderr = fs::read_to_string(self.debian.path("tmp/stderr")).unwrap();
        assert!(!stderr.contains("WARN"), "{stderr}");
        let (shell, script) = self.unit.value("ExecStopPost").split_once(" -c ").unwrap();
        assert_eq!(shell, "-/bin/sh");
        let mut after = self.unit.command(self.debian);
        stdout_of(after.env("SERVICE_RESULT", result).args(["/bin/sh", "-c", script.trim_matches('\'')]));
        fs::remove_dir_all(self.debian.path(&format!("run/{}", self.unit.value("RuntimeDirectory")))).unwrap();
        status
    }
}

/// The lines of the unit.
struct Unit(String);

impl Unit {
    fn read() -> Self {
        Self(fs::read_to_string(example("systemd/egret.service")).unwrap())
    }

    fn value(&self, key: &str) -> &str {
        let value = |line: &'_ str| -> Option<usize> { line.strip_prefix(key)?.strip_prefix('=').map(str::len) };
        self.0.lines().find_map(|line| value(line).map(|length| &line[line.len() - length..])).unwrap()
    }

    /// The prefix of a command that sets what the unit says.
    fn command(&self, debian: &Chroot) -> Command {
        let names = self.value("AmbientCapabilities").split(' ');
        let names: Vec<String> =
            names.map(|name| format!("+{}", name.to_lowercase().replacen("cap_", "", 1))).collect();
        let names = names.join(",");
        let mut command = debian.command("setpriv");
        command.args([
            "--reuid",
            self.value("User"),
            "--regid",
            self.value("Group"),
            "--init-groups",
            "--no-new-privs",
        ]);
        command.args(["--inh-caps", &names, "--ambient-caps", &names, "--bounding-set", &format!("-all,{names}")]);
        command
    }
}
