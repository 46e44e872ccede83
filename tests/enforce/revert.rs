//! Modes on trial.

use libtest_mimic::Trial;

use crate::host::{Fate, Host, refused, state, switch, until_mode};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("revert::confirmed_mode_holds", confirmed),
        test("revert::mode_that_nobody_confirms_ends", expired),
        test("revert::mode_on_trial_does_not_come_back_after_a_kill", killed),
    ]
}

fn confirmed() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let daemon = host.setup(&[]).start_in(&host.namespace);
    switch(&daemon, &["shadow"]);
    switch(&daemon, &["enforce", "--confirm-within", "2s"]);
    assert!(!state(&daemon)["confirm_by"].is_null());
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    switch(&daemon, &["confirm"]);
    assert!(state(&daemon)["confirm_by"].is_null());
    refused(&daemon, &["confirm"]);
    // Another one, whose time ends after that of the first.
    switch(&daemon, &["learn", "--confirm-within", "2s"]);
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
    assert!(daemon.stderr().contains("nobody confirmed in time"), "{}", daemon.stderr());
    assert!(daemon.stop().status.success());
}

fn killed() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let mut daemon = host.setup(&[]).text("enforce.on_failure", "closed").start_in(&host.namespace);
    for (before, within) in [("observe", "1s"), ("shadow", "1s"), ("shadow", "10m")] {
        switch(&daemon, &[before]);
        switch(&daemon, &["enforce", "--confirm-within", within]);
        let setup = daemon.kill();
        if within == "1s" {
            assert_eq!(host.fetch(&unknown), Fate::Silence, "for longer than the mode was to last");
        }
        daemon = setup.start_in(&host.namespace);
        until_mode(&daemon, before);
        assert_eq!(host.fetch(&unknown), Fate::Passed, "{before}");
        assert!(daemon.stderr().contains("nobody had confirmed"), "{}", daemon.stderr());
    }
    assert!(daemon.stop().status.success());
}
