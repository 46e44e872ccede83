//! The privileges of a running daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use egret_tests::{Daemon, Scratch, Setup, Traffic, traffic, until};
use libtest_mimic::Trial;

use crate::test;

/// Bits of `/proc/PID/status`, see `linux/capability.h`.
const SYS_PTRACE: u64 = 1 << 19;
const DAC_READ_SEARCH: u64 = 1 << 2;
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;

/// Capabilities of the threads that evaluate packets, and of the tools that install firewall rules.
const JUDGES: u64 = SYS_PTRACE | DAC_READ_SEARCH | NET_ADMIN | NET_RAW;
const INSTALLS: u64 = NET_ADMIN | NET_RAW;

/// A user id that no user has.
const STRANGER: u32 = 4242;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/systemd/egret.service");

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("privilege::capabilities_are_dropped_once_capture_has_started", dropped),
        test("privilege::kept_capabilities_are_sufficient", enough),
        test("privilege::capabilities_of_the_unit_are_sufficient_for_its_user", as_unit),
    ]
}

/// The capability sets of each thread by name: effective, permitted, inheritable, ambient and bounding, and
/// `NoNewPrivs`.
fn threads(daemon: &Daemon) -> BTreeMap<String, BTreeMap<String, u64>> {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let read = |status: String| {
        let fields: Vec<(&str, &str)> = status.lines().filter_map(|line| line.split_once(":\t")).collect();
        let name = fields.iter().find(|(key, _)| *key == "Name").unwrap().1.to_owned();
        let sets = fields.iter().filter(|(key, _)| key.starts_with("Cap") || *key == "NoNewPrivs");
        (name, sets.map(|(key, value)| ((*key).to_owned(), u64::from_str_radix(value, 16).unwrap())).collect())
    };
    // A thread that has just ended has no status.
    tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok()).map(read).collect()
}

/// `within` is the set of capabilities at the start of the daemon.
fn check_threads(daemon: &Daemon, bounded: bool, within: u64) {
    let names = [
        "egret",
        "egret-capture",
        "egret-digest",
        "egret-enrich",
        "egret-worker",
        "egret-json",
        "egret-parquet",
        "egret-baseline",
        "egret-names",
    ];
    let names = names.into_iter().chain(["egret-enforce", "egret-container"]);
    // Each thread sets its name and drops its privileges itself.
    let threads = until("all threads by their names", || {
        let threads = threads(daemon);
        names.clone().all(|name| threads.contains_key(name)).then_some(threads)
    });
    for name in names {
        let sets = &threads[name];
        let (expected, passed_on) = match name {
            "egret-capture" | "egret-digest" => (SYS_PTRACE | DAC_READ_SEARCH, 0),
            "egret-container" => (DAC_READ_SEARCH, 0),
            "egret-enforce" => (JUDGES & within, INSTALLS & within),
            _ => (0, 0),
        };
        assert_eq!((sets["CapEff"], sets["CapPrm"]), (expected, expected), "{name}: {sets:?}");
        assert_eq!((sets["CapInh"], sets["CapAmb"]), (passed_on, passed_on), "{name}: {sets:?}");
        assert_eq!(sets["NoNewPrivs"], 1, "{name}: {sets:?}");
        assert!(!bounded || sets["CapBnd"] == expected, "{name}: {sets:?}");
    }
    // No other thread has capabilities.
    let held: BTreeSet<u64> = threads.values().map(|sets| sets["CapPrm"]).collect();
    assert_eq!(
        held,
        BTreeSet::from([0, DAC_READ_SEARCH, SYS_PTRACE | DAC_READ_SEARCH, JUDGES & within]),
        "{threads:?}"
    );
}

fn dropped() {
    let setup = Setup::new().json().parquet().otlp("grpc", "http://127.0.0.1:9").set("otlp.own_spans", "true");
    let daemon = setup.set("shutdown.drain_for", "\"1s\"").start();
    check_threads(&daemon, true, u64::MAX);
    let names: Vec<String> = threads(&daemon).into_keys().collect();
    assert!(names.iter().any(|name| name.starts_with("OpenTelemetry")), "{names:?}");
    let threads = daemon.status()["threads"].clone();
    let capture = threads.as_array().unwrap().iter().find(|thread| thread["name"] == "egret-capture").unwrap();
    assert_eq!(capture["capabilities"], serde_json::json!(["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"]));
    assert!(daemon.stop().status.success());
}

/// The executable of another user, which nobody else may read, has its digest. Connections before and after the
/// start, and sends, which the capture thread looks up in the kernel's tables, are all reported.
fn check_capture(daemon: &Daemon) {
    let scratch = Scratch::new();
    let program = scratch.copy(&traffic(), "private");
    std::os::unix::fs::chown(&program, Some(STRANGER), Some(STRANGER)).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    // An event that is written before the digest is known has none.
    until("a digest", || {
        let report = Traffic::by(&program, &["tcp-blocking"]).user(STRANGER).run();
        let events = daemon.wait_for_lines(&report);
        events.iter().any(|event| event.pid == Some(report.pid) && event.sha256.is_some()).then_some(())
    });
    for way in ["tcp-blocking", "udp-connected"] {
        let report = Traffic::by(&program, &[way, "--wait-stdin"]).user(STRANGER).run();
        let events = daemon.wait_for_lines(&report);
        let of: Vec<_> = events.iter().filter(|event| event.pid == Some(report.pid)).collect();
        assert!(of.len() >= 2, "{of:?}");
        for event in of {
            assert_eq!(event.path.as_deref(), program.to_str(), "{event:?}");
            assert_eq!((event.uid, event.sha256.as_ref().map(String::len)), (Some(STRANGER), Some(64)), "{event:?}");
        }
    }
    let tally = daemon.status()["tally"].clone();
    assert_eq!((&tally["lost"], &tally["incomplete"]), (&serde_json::json!([]), &serde_json::json!([])));
}

fn enough() {
    let daemon = Setup::new().json().start();
    check_capture(&daemon);
    let ended = daemon.stop();
    assert!(ended.status.success() && !ended.stderr.contains("WARN"), "{}", ended.stderr);
}

/// The bit of a capability.
fn bit(name: &str) -> u64 {
    match name {
        "CAP_SYS_PTRACE" => SYS_PTRACE,
        "CAP_DAC_READ_SEARCH" => DAC_READ_SEARCH,
        "CAP_NET_ADMIN" => NET_ADMIN,
        "CAP_NET_RAW" => NET_RAW,
        _ => 0,
    }
}

/// As another user, with the capabilities of the unit only.
fn as_unit() {
    let unit = fs::read_to_string(UNIT).unwrap();
    let ambient = unit.lines().find_map(|line| line.strip_prefix("AmbientCapabilities=")).unwrap();
    let bounding = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).unwrap();
    assert_eq!(ambient, bounding);
    let names = ambient.split(' ').map(|name| format!("+{}", name.to_lowercase().strip_prefix("cap_").unwrap()));
    let names: Vec<String> = names.collect();
    let setup = Setup::new().json().parquet();
    std::os::unix::fs::chown(setup.path(""), Some(STRANGER), Some(STRANGER)).unwrap();
    let egret = setup.command();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &STRANGER.to_string(), "--regid", &STRANGER.to_string(), "--clear-groups"]);
    command.args(["--no-new-privs", "--inh-caps", &names.join(","), "--ambient-caps", &names.join(",")]);
    command.args(["--bounding-set", &format!("-all,{}", names.join(","))]);
    command.arg(egret.get_program()).args(egret.get_args());
    let daemon = setup.start_by(command);
    assert_eq!(daemon.status()["layer"], "sockets");
    let permitted = ambient.split(' ').fold(0, |all, name| all | bit(name));
    check_threads(&daemon, false, permitted);
    check_capture(&daemon);
    let ended = daemon.stop();
    assert!(ended.status.success() && !ended.stderr.contains("WARN"), "{}", ended.stderr);
}
