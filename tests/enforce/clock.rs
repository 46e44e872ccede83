//! Decisions while the wall clock is set.

use std::fs;
use std::time::{Duration, Instant};

use egret_tests::{Daemon, Event, Setup, WallClock, needing, until};
use libtest_mimic::Trial;

use crate::host::{Fate, Host, state, switch, until_mode};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    let trials = vec![
        test("clock::blocked_flows_are_not_learned_after_the_clock_is_set_back", || freezes("-1h")),
        test("clock::blocked_flows_are_not_learned_after_the_clock_is_set_forward", || freezes("+1h")),
        test("clock::mode_is_reverted_in_time_after_the_clock_is_set_back", ends),
        test("clock::mode_is_not_reverted_early_after_the_clock_is_set_forward", goes_on),
        test("clock::times_and_durations_of_a_connection_agree_when_the_clock_is_set", times),
        test("clock::log_is_kept_after_a_start_with_the_clock_40_days_ahead", log),
    ];
    trials.into_iter().map(|trial| needing("faketime", trial)).collect()
}

fn start(host: &Host, setup: Setup, apart: &str) -> (Daemon, WallClock) {
    let (setup, clock) = WallClock::give(setup, apart);
    (setup.start_in(&host.namespace), clock)
}

fn freezes(apart: &str) {
    let host = Host::new();
    let unknown = host.program("unknown");
    let (daemon, clock) = start(&host, host.setup(&[]), "+0");
    switch(&daemon, &["enforce"]);
    clock.set(apart);
    for _ in 0..3 {
        assert_eq!(host.fetch(&unknown), Fate::Refused);
        // The file is written once more before the next attempt.
        let saved = || state(&daemon)["baseline"]["last_saved"].clone();
        let before = saved();
        until("the baseline is saved", || (saved() != before).then_some(()));
    }
    let text = fs::read_to_string(daemon.setup().path("baseline")).unwrap();
    assert!(!text.contains(unknown.to_str().unwrap()), "{text}");
    assert!(daemon.stop().status.success());
}

fn ends() {
    let host = Host::new();
    let (daemon, clock) = start(&host, host.setup(&[]), "+0");
    switch(&daemon, &["enforce", "--confirm-within", "5s"]);
    clock.set("-1h");
    let set = Instant::now();
    until_mode(&daemon, "observe");
    assert!(set.elapsed() < Duration::from_secs(60), "{:?}", set.elapsed());
    daemon.wait_for_stderr("nobody confirmed in time");
    assert!(daemon.stop().status.success());
}

fn goes_on() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let (daemon, clock) = start(&host, host.setup(&[]), "+0");
    switch(&daemon, &["enforce", "--confirm-within", "10m"]);
    let deadline = |state: &serde_json::Value| state["confirm_by"].as_str().unwrap().to_owned();
    let before = deadline(&state(&daemon));
    clock.set("+1h");
    // The controller has ticked since, by the new wall clock.
    until("the end by the new clock", || (deadline(&state(&daemon))[..16] > before[..16]).then_some(()));
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    switch(&daemon, &["confirm"]);
    until_mode(&daemon, "enforce");
    assert!(daemon.stop().status.success());
}

fn times() {
    let host = Host::new();
    let program = host.program("program");
    let (daemon, clock) = start(&host, host.setup(&[]).json(), "+0");
    let lines = daemon.setup().lines();
    let fetched = |count| {
        assert_eq!(host.fetch(&program), Fate::Passed);
        until("its end", || {
            let mut events = daemon.setup().events(&lines);
            events.retain(|event| event.path.as_deref() == program.to_str());
            (events.iter().filter(|event| event.name == "connection.close").count() == count).then_some(events)
        })
    };
    fetched(1);
    clock.set("-1h");
    let events = fetched(2);
    let event = |name: &str, nth: usize| events.iter().filter(|event| event.name == name).nth(nth).unwrap();
    let nanoseconds = |event: &Event| event.timestamp.as_nanosecond();
    // New events have the new time.
    let apart = nanoseconds(event("connection.open", 1)) - nanoseconds(event("connection.open", 0));
    let hour = 3_600_000_000_000;
    assert!((-hour..-hour / 2).contains(&apart), "{apart}");
    // The times of a connection are as far apart as its durations, and its process is older.
    for nth in 0..2 {
        let (open, close) = (event("connection.open", nth), event("connection.close", nth));
        let (connect, lasted) = (open.connect_ns.unwrap(), close.connection_ns.unwrap());
        assert_eq!(nanoseconds(close) - nanoseconds(open), i128::from(lasted) - i128::from(connect));
        assert!(close.started.unwrap() <= open.timestamp, "{close:?}");
    }
    assert!(daemon.stop().status.success());
}

fn log() {
    let host = Host::new();
    let program = host.program("program");
    let (daemon, _clock) = start(&host, host.setup(&[]).parquet(), "+0");
    assert_eq!(host.fetch(&program), Fate::Passed);
    let setup = daemon.stop().setup;
    let files = |setup: &Setup| {
        let found = std::process::Command::new("find").arg(setup.log()).args(["-name", "*.parquet"]).output().unwrap();
        let mut files: Vec<_> = String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect();
        files.sort();
        files
    };
    let before = files(&setup);
    assert!(!before.is_empty());
    let (mut daemon, _clock) = start(&host, setup, "+40d");
    // Files with the wrong time do not expire the others, either.
    for _ in 0..2 {
        assert_eq!(host.fetch(&program), Fate::Passed);
        let setup = daemon.stop().setup;
        let after = files(&setup);
        assert!(before.iter().all(|file| after.contains(file)), "{before:?} {after:?}");
        daemon = setup.start_in(&host.namespace);
    }
    assert!(daemon.stop().status.success());
}
