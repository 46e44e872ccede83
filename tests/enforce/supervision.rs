//! Panics of the controller, of workers and of the main task. Tests provoke them by a file (`EGRET_FAULTS`), which
//! only builds with debug assertions read.

use std::fs;
use std::path::Path;

use egret_tests::{Daemon, Setup, egret, stdout_of, until};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::audit::metric;
use crate::failing::foreign;
use crate::host::{Fate, Host, count, refused, state, switch, until_counted, until_mode};
use crate::test;
use crate::web::get;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("supervision::panicked_controller_is_restarted", restarted),
        test("supervision::repeated_controller_panics_fail_open", failed_open),
        test("supervision::repeated_controller_panics_fail_closed", failed_closed),
        test("supervision::mode_is_reverted_in_time_after_a_controller_restart", reverted_after_restart),
        test("supervision::mode_is_reverted_in_time_after_the_controller_failed", reverted_after_failure),
        test("supervision::mode_switch_is_undone_if_the_controller_panics", undone),
        test("supervision::panicked_worker_is_restarted", worker),
        test("supervision::repeated_worker_panics_fail_open", workers),
        test("supervision::main_task_panic_leaves_no_rule_if_open", || main_task("open")),
        test("supervision::main_task_panic_leaves_the_rules_if_closed", || main_task("closed")),
        test("supervision::failed_sink_start_leaves_no_rule", sink),
        test("supervision::mode_is_reported_once_its_rules_are_installed", in_force),
    ]
}

fn setup(host: &Host, rules: &[String], on_failure: &str) -> Setup {
    let setup = host.setup(rules).text("enforce.on_failure", on_failure).text("enforce.backend", "iptables");
    let faults = setup.path("faults");
    setup.variable("EGRET_FAULTS", &faults.to_string_lossy())
}

/// Makes the next `times` visits of this point panic.
fn provoke(setup: &Setup, point: &str, times: usize) {
    let fresh = setup.path("faults.new");
    fs::write(&fresh, format!("{point}\n").repeat(times)).unwrap();
    fs::rename(fresh, setup.path("faults")).unwrap();
}

fn until_phase(daemon: &Daemon, phase: &str, restarts: u64) -> Value {
    until(&format!("the phase {phase} after {restarts} restarts"), || {
        let state = state(daemon);
        (state["phase"] == phase && state["restarts"] == restarts).then_some(state)
    })
}

fn fetch_all(host: &Host, programs: [&Path; 2]) -> [Fate; 2] {
    programs.map(|program| host.fetch(program))
}

fn stop(daemon: Daemon) {
    assert!(daemon.stop().status.success());
}

fn restarted() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let before = foreign(&host);
    let daemon = setup(&host, &[host.rule("allow", &allowed)], "closed").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    assert_eq!(fetch_all(&host, [&allowed, &unknown]), [Fate::Passed, Fate::Refused]);
    for restarts in 1..=2 {
        let blocked = count(&until_counted(&daemon, "block", restarts), "block");
        provoke(daemon.setup(), "controller", 1);
        let state = until_phase(&daemon, "in_force", restarts);
        assert_eq!(state["mode"], "enforce", "{state}");
        assert!(count(&state, "block") >= blocked, "counts survive: {state}");
        assert_eq!(fetch_all(&host, [&allowed, &unknown]), [Fate::Passed, Fate::Refused]);
    }
    let text = get(&host.namespace, &daemon.metrics(), "/metrics");
    assert_eq!(metric(&text, "egret_controller_restarts_total", &[]).to_string(), "2", "{text}");
    daemon.wait_for_stderr("the controller panicked and is restarted");
    switch(&daemon, &["observe"]);
    assert_eq!(host.firewall(), before);
    stop(daemon);
}

/// Asserts the failure in status, the command's answer and the log.
fn has_failed(daemon: &Daemon) {
    until_phase(daemon, "failed", 2);
    let status = daemon.status();
    assert!(status["troubles"].to_string().contains("the controller has failed"), "{status}");
    let text = stdout_of(&mut daemon.ask(&["status"]));
    assert!(text.contains("failed: enforce.on_failure is in force instead"), "{text}");
    let shown = switch(daemon, &[]);
    assert!(shown.contains("failed: enforce.on_failure"), "{shown}");
    daemon.wait_for_stderr("the controller panicked too often");
    let refusal = refused(daemon, &["shadow"]);
    assert!(refusal.contains("restart egret"), "{refusal}");
}

fn failed_open() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let before = foreign(&host);
    let daemon = setup(&host, &[host.rule("allow", &allowed)], "open").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    provoke(daemon.setup(), "controller", 3);
    has_failed(&daemon);
    assert_eq!(host.firewall(), before);
    let text = get(&host.namespace, &daemon.metrics(), "/metrics");
    assert_eq!(metric(&text, "egret_enforcement_phase", &["phase=\"failed\""]).to_string(), "1", "{text}");
    assert_eq!(fetch_all(&host, [&allowed, &unknown]), [Fate::Passed; 2]);
    let ended = daemon.stop();
    assert!(ended.status.success());
    let daemon = ended.setup.start_in(&host.namespace);
    until_mode(&daemon, "enforce");
    assert_eq!(fetch_all(&host, [&allowed, &unknown]), [Fate::Passed, Fate::Refused], "the mode was kept");
    stop(daemon);
}

fn failed_closed() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let before = foreign(&host);
    let daemon = setup(&host, &[host.rule("allow", &allowed)], "closed").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    assert_eq!(host.fetch(&allowed), Fate::Passed, "later ones are granted");
    provoke(daemon.setup(), "controller", 3);
    has_failed(&daemon);
    assert_ne!(host.firewall(), before);
    assert_eq!(fetch_all(&host, [&allowed, &unknown]), [Fate::Silence; 2]);
    switch(&daemon, &["observe"]);
    assert_eq!(host.firewall(), before);
    assert_eq!(fetch_all(&host, [&allowed, &unknown]), [Fate::Passed; 2]);
    stop(daemon);
}

fn reverted_after_restart() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let daemon = setup(&host, &[], "closed").start_in(&host.namespace);
    switch(&daemon, &["shadow"]);
    switch(&daemon, &["enforce", "--confirm-within", "5s"]);
    provoke(daemon.setup(), "controller", 1);
    let state = until_phase(&daemon, "in_force", 1);
    assert!(state["mode"] == "shadow" || !state["confirm_by"].is_null(), "{state}");
    until_mode(&daemon, "shadow");
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    daemon.wait_for_stderr("nobody confirmed in time");
    stop(daemon);
}

fn reverted_after_failure() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let before = foreign(&host);
    let daemon = setup(&host, &[], "closed").start_in(&host.namespace);
    switch(&daemon, &["enforce", "--confirm-within", "10s"]);
    provoke(daemon.setup(), "controller", 3);
    until_phase(&daemon, "failed", 2);
    until("the mode before", || (state(&daemon)["mode"] == "observe").then_some(()));
    until("no rules", || (host.firewall() == before).then_some(()));
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    daemon.wait_for_stderr("nobody confirmed in time");
    stop(daemon);
}

fn undone() {
    let host = Host::new();
    let [learned, unknown] = ["learned", "unknown"].map(|name| host.program(name));
    let before = foreign(&host);
    let daemon = setup(&host, &[], "closed").start_in(&host.namespace);
    provoke(daemon.setup(), "switch", 1);
    let refusal = refused(&daemon, &["enforce"]);
    assert!(refusal.contains("the controller failed meanwhile"), "{refusal}");
    let state = until_phase(&daemon, "in_force", 1);
    assert_eq!((&state["mode"], host.firewall()), (&"observe".into(), before.clone()), "{state}");
    assert_eq!(host.fetch(&learned), Fate::Passed);
    switch(&daemon, &["enforce"]);
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    stop(daemon);
    assert_eq!(host.firewall(), before);
}

fn worker() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let daemon = setup(&host, &[host.rule("allow", &allowed)], "closed").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    provoke(daemon.setup(), "worker", 1);
    // The packet that the panicked worker evaluated is dropped.
    until("a worker that panics", || {
        host.fetch(&unknown);
        daemon.stderr().contains("a worker panicked").then_some(())
    });
    until("verdicts again", || (host.fetch(&unknown) == Fate::Refused).then_some(()));
    assert_eq!(host.fetch(&allowed), Fate::Passed);
    let state = state(&daemon);
    assert_eq!((&state["phase"], &state["restarts"]), (&"in_force".into(), &0.into()), "{state}");
    stop(daemon);
}

fn workers() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let before = foreign(&host);
    let daemon = setup(&host, &[], "open").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    provoke(daemon.setup(), "worker", 3);
    until("the failure", || {
        host.fetch(&unknown);
        (state(&daemon)["phase"] == "failed").then_some(())
    });
    until("no rules", || (host.firewall() == before).then_some(()));
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    stop(daemon);
}

fn main_task(on_failure: &str) {
    let host = Host::new();
    let unknown = host.program("unknown");
    let before = foreign(&host);
    let daemon = setup(&host, &[], on_failure).start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    provoke(daemon.setup(), "daemon", 1);
    daemon.signal(Signal::SIGHUP);
    until("the end of the daemon", || (!daemon.runs()).then_some(()));
    let _setup = daemon.kill();
    if on_failure == "open" {
        assert_eq!(host.firewall(), before);
        assert_eq!(host.fetch(&unknown), Fate::Passed);
    } else {
        assert_eq!(host.fetch(&unknown), Fate::Silence, "as after any other failure");
        host.run(&[egret().to_str().unwrap(), "firewall", "remove"]);
        assert_eq!(host.firewall(), before);
    }
}

/// With a kept mode, which installs rules.
fn sink() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let before = foreign(&host);
    let daemon = setup(&host, &[], "closed").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let setup = daemon.stop().setup;
    assert_eq!(host.firewall(), before);
    let file = setup.path("file");
    fs::write(&file, "in the way").unwrap();
    let destination = file.join("log");
    let setup = setup.parquet().text("parquet.destination", &destination.to_string_lossy());
    let plain = setup.command();
    let mut command = host.namespace.command(&plain.get_program().to_string_lossy());
    let output = command.args(plain.get_args()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("cannot start the parquet sink"), "{stderr}");
    assert_eq!(host.firewall(), before);
    assert_eq!(host.fetch(&unknown), Fate::Passed);
}

fn in_force() {
    let host = Host::new();
    let before = foreign(&host);
    let daemon = setup(&host, &[], "closed").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let setup = daemon.stop().setup;
    let plain = setup.command();
    let mut command = host.namespace.command(&plain.get_program().to_string_lossy());
    command.args(plain.get_args());
    let daemon = setup.start_unready(command);
    let shown = until("an answer", || {
        let output = daemon.ask(&["mode"]).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    });
    assert_ne!(host.firewall(), before, "before its rules are there, no mode is reported");
    assert!(shown.starts_with("enforce, since") && !shown.contains("starting"), "{shown}");
    daemon.wait_for_notification("READY=1");
    stop(daemon);
}
