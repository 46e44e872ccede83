//! A log of real traffic.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use egret_tests::{Cgroup, Scratch, egret, traffic};

/// Runs a program in a cgroup, as a service is.
const IN_GROUP: &str = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";

const SEND: &str = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))\n";

/// A log of two hosts: one host recorded twice; the second time programs also run as a service.
pub(super) fn log(scratch: &Scratch) -> PathBuf {
    let log = scratch.path("log");
    fs::write(scratch.path("one.py"), SEND).unwrap();
    fs::write(scratch.path("a name.py"), SEND).unwrap();
    let program = traffic().display().to_string();
    let python = "python3 -u -W ignore";
    let (one, other) = (scratch.path("one.py"), scratch.path("a name.py"));
    let usual = format!(
        "{program} tcp-blocking --count 3 > /dev/null; {program} udp-connected > /dev/null; {program} raw > /dev/null; \
         {python} {}; {python} '{}'; python3 -c \"$(cat '{}')\"; python3 < {}; \
         for host in localhost 127.0.0.1 127.0.0.3 '[::1]'; do curl -s http://$host:1/; done; true",
        one.display(),
        other.display(),
        one.display(),
        one.display(),
    );
    record(&log, &["sh", "-c", &usual]);
    as_host(&log, "other");
    let group = Cgroup::new(&format!("system.slice/egret-fleet-{}.service", std::process::id()));
    let served = format!("curl -s http://127.0.0.3:1/; curl -s http://127.0.0.4:1/; {python} {}; true", one.display());
    let later = format!(
        "{usual}; sh -c '{IN_GROUP}' {} sh -c '{served}'; curl -s http://127.0.0.4:1/; true",
        group.directory().display()
    );
    record(&log, &["sh", "-c", &later]);
    group.remove();
    log
}

fn record(log: &Path, command: &[&str]) {
    let mut egret = Command::new(egret());
    egret.args(["trace", "--format", "json", "--parquet"]).arg(log).arg("--").args(command);
    let output = egret.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("lost=0"), "{stderr}");
}

/// Assigns the existing files to another host.
fn as_host(log: &Path, host: &str) {
    let files = Command::new("find").arg(log).args(["-name", "*.parquet"]).output().unwrap();
    for file in String::from_utf8(files.stdout).unwrap().lines().map(Path::new) {
        let (_, sequence) = file.file_name().unwrap().to_str().unwrap().rsplit_once('-').unwrap();
        fs::rename(file, file.with_file_name(format!("{host}-{sequence}"))).unwrap();
    }
}
