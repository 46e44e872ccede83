//! Sources of rules, and the mode with an invalid baseline.

use std::fs;
use std::path::{Path, PathBuf};

use egret_tests::{Daemon, Setup, Traffic, stdout_of, until};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::host::{Fate, Host, baseline, count, refused, state, switch, until_counted, until_mode, write_rules};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("baselines::invalid_baseline_is_not_enforced_and_its_line_is_named", broken),
        test("baselines::invalid_baseline_at_a_restart_leads_to_shadow", broken_meanwhile),
        test("baselines::baseline_that_becomes_invalid_does_not_change_enforcement", breaks),
        test("baselines::baseline_of_recorded_traffic_blocks_none_of_it", recorded),
        test("baselines::two_hundred_rules_are_enforced", || many(200)),
        test("baselines::ten_thousand_rules_are_enforced", || many(10_000)),
    ]
}

/// Makes the third line invalid.
fn spoil(setup: &Setup) {
    let text = fs::read_to_string(setup.path("baseline")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(2, "allow what nobody understands");
    fs::write(setup.path("baseline"), lines.join("\n") + "\n").unwrap();
}

fn broken() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let setup = host.setup(&[]);
    spoil(&setup);
    let daemon = setup.start_in(&host.namespace);
    let stderr = refused(&daemon, &["enforce"]);
    assert!(stderr.contains("baseline:3") || stderr.contains("line 3"), "{stderr}");
    until_mode(&daemon, "observe");
    switch(&daemon, &["shadow"]);
    let stderr = refused(&daemon, &["enforce"]);
    assert!(stderr.contains("baseline"), "{stderr}");
    until_mode(&daemon, "shadow");
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    write_rules(daemon.setup(), &[]);
    switch(&daemon, &["enforce"]);
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    assert!(daemon.stop().status.success());
}

fn broken_meanwhile() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let setup = host.enforcing(&[]).stop().setup;
    spoil(&setup);
    let daemon = setup.start_in(&host.namespace);
    let state = until_mode(&daemon, "shadow");
    assert_eq!(state["last_fallback"]["reason"], "not_ready", "{state}");
    daemon.wait_for_stderr("baseline:3");
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    until_counted(&daemon, "would_block", 1);
    assert!(daemon.stop().status.success());
}

fn breaks() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let daemon = host.enforcing(&[host.rule("allow", &allowed)]);
    spoil(daemon.setup());
    until("the problem", || {
        let state = state(&daemon);
        state["baseline"]["problems"].as_array().is_some_and(|problems| !problems.is_empty()).then_some(())
    });
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    let state = until_mode(&daemon, "enforce");
    assert!(state["last_fallback"].is_null(), "{state}");
    assert!(daemon.stop().status.success());
}

/// Typical traffic of a host.
fn day(host: &Host, programs: &[PathBuf; 2], script: &Path) {
    for program in programs {
        for from in ["127.0.0.1", "127.0.0.3", "[::1]"] {
            assert_eq!(host.fetch_from(program, from), Fate::Passed, "{program:?} from {from}");
        }
    }
    let peer = host.peer().to_string();
    stdout_of(host.namespace.command("python3").arg(script).arg(host.port().to_string()));
    let generator = egret_tests::traffic();
    for way in [&["tcp-blocking", "--count", "20", "--bytes", "0", "--peer", &peer][..], &["udp-connected"]] {
        let report = Traffic::inside(&host.namespace, &generator, way).run();
        assert!(report.flows().iter().all(|flow| flow.errno.is_none()), "{report:#?}");
    }
}

const SCRIPT: &str = "import socket, sys
port = int(sys.argv[1])
for family, host in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):
    socket.create_connection((host, port), 10).close()
    socket.socket(family, socket.SOCK_DGRAM).sendto(b'x', (host, port))
";

fn recorded() {
    let host = Host::new();
    let programs = ["first", "second"].map(|name| host.program(name));
    let script = host.path("script.py");
    fs::write(&script, SCRIPT).unwrap();
    let daemon = host.setup(&[]).set("baseline.enabled", "false").parquet().start_in(&host.namespace);
    // Some servers of the generator use any port: from nine on, their rules are generalised into one.
    (0..9).for_each(|_| day(&host, &programs, &script));
    let setup = daemon.stop().setup;
    let log = setup.log();
    let log = ["--log", log.to_str().unwrap()];
    fs::remove_file(setup.path("baseline")).unwrap();
    baseline(&setup, "learn", &log);
    let replay: Value = serde_json::from_str(&baseline(&setup, "replay", &[&log[..], &["--json"]].concat())).unwrap();
    assert_eq!(replay["would_block"], 0, "{replay}");
    assert!(replay["flows"].as_u64() >= Some(200), "{replay}");
    let daemon = setup.set("baseline.enabled", "true").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    day(&host, &programs, &script);
    let state = until_counted(&daemon, "allow", 12);
    assert_eq!((count(&state, "block"), count(&state, "would_block")), (0, 0), "{state}");
    assert_eq!(host.fetch(&host.program("unknown")), Fate::Refused);
    stop(daemon);
}

fn stop(daemon: Daemon) {
    assert!(daemon.stop().status.success());
}

fn many(others: u64) {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let rules = (0..others).map(|number| {
        format!("allow exe=/usr/bin/program-{} user=root -> tcp 192.0.2.{} 443", number / 250, number % 250)
    });
    let rules: Vec<String> = rules.chain([host.rule("allow", &allowed)]).collect();
    let daemon = host.enforcing(&rules);
    assert!(state(&daemon)["baseline"]["rules"].as_u64() >= Some(others + 2));
    for _ in 0..3 {
        assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    }
    stop(daemon);
}
