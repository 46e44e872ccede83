//! Pending confirmation and revert.

use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::host::{Fate, Host, refused, state, switch, until_mode};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("revert::confirmed_mode_stays", confirmed),
        test("revert::unconfirmed_mode_is_reverted", expired),
        test("revert::daemon_is_ready_once_the_kept_mode_is_in_force", ready),
        test("revert::unconfirmed_mode_is_not_restored_after_a_kill", killed),
    ]
}

/// Long enough for a busy machine.
const WINDOW: &str = "10s";
/// When the window has ended and the revert is done.
const WINDOW_IS_OVER: Duration = Duration::from_secs(11);

fn confirmed() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let daemon = host.setup(&[]).start_in(&host.namespace);
    switch(&daemon, &["shadow"]);
    switch(&daemon, &["enforce", "--confirm-within", WINDOW]);
    let switched = Instant::now();
    assert!(!state(&daemon)["confirm_by"].is_null());
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    switch(&daemon, &["confirm"]);
    assert!(state(&daemon)["confirm_by"].is_null());
    refused(&daemon, &["confirm"]);
    thread::sleep(WINDOW_IS_OVER.saturating_sub(switched.elapsed()));
    until_mode(&daemon, "enforce");
    switch(&daemon, &["learn", "--confirm-within", "1s"]);
    until_mode(&daemon, "enforce");
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    let daemon = daemon.kill().start_in(&host.namespace);
    until_mode(&daemon, "enforce");
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    assert!(daemon.stop().status.success());
}

fn expired() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let daemon = host.setup(&[]).start_in(&host.namespace);
    for before in ["observe", "shadow"] {
        switch(&daemon, &[before]);
        switch(&daemon, &["enforce", "--confirm-within", "1s"]);
        let state = until_mode(&daemon, before);
        assert!(state["confirm_by"].is_null(), "{state}");
    }
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    daemon.wait_for_stderr("nobody confirmed in time");
    assert!(daemon.stop().status.success());
}

/// No packet passes between the ready notification and the first rule.
fn ready() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let mut daemon = host.setup(&[]).start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    for _ in 0..3 {
        daemon = daemon.stop().setup.start_in(&host.namespace);
        assert_eq!(host.fetch(&unknown), Fate::Refused);
        assert!(!state(&daemon)["backend"].is_null());
    }
    assert!(daemon.stop().status.success());
}

fn killed() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let mut daemon = host.setup(&[]).text("enforce.on_failure", "closed").start_in(&host.namespace);
    for (before, within, down) in
        [("observe", WINDOW, WINDOW_IS_OVER), ("shadow", WINDOW, WINDOW_IS_OVER), ("shadow", "10m", Duration::ZERO)]
    {
        switch(&daemon, &[before]);
        switch(&daemon, &["enforce", "--confirm-within", within]);
        let setup = daemon.kill();
        thread::sleep(down);
        assert_eq!(host.fetch(&unknown), Fate::Silence, "for longer than the mode was to last");
        daemon = setup.start_in(&host.namespace);
        until_mode(&daemon, before);
        assert_eq!(host.fetch(&unknown), Fate::Passed, "{before}");
        daemon.wait_for_stderr("nobody had confirmed");
    }
    assert!(daemon.stop().status.success());
}
