//! `SIGHUP`.

use std::fs;

use egret_tests::{Setup, Traffic, until};
use libtest_mimic::Trial;

use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("reload::json_file_is_reopened", rotated),
        test("reload::sink_with_new_settings_replaces_the_former_without_a_gap", replaced),
        test("reload::sink_is_disabled_and_enabled", off_and_on),
        test("reload::failed_sink_restart_keeps_the_former_sink", as_before),
        test("reload::invalid_configuration_changes_nothing", wrong),
        test("reload::options_that_need_a_restart_are_named", restart),
        test("reload::log_filter_is_applied", log),
    ]
}

fn rotated() {
    let daemon = Setup::new().json().start();
    let before = Traffic::new(&["tcp-blocking", "--count", "5"]).run();
    daemon.wait_for_lines(&before);
    let (lines, old) = (daemon.setup().lines(), daemon.setup().path("events.jsonl.1"));
    fs::rename(&lines, &old).unwrap();
    daemon.reload();
    until("the new file", || lines.exists().then_some(()));
    let after = Traffic::new(&["tcp-blocking", "--count", "5"]).run();
    daemon.wait_for_lines(&after);
    let ended = daemon.stop();
    let (old, new) = (ended.setup.events(&old), ended.setup.events(&lines));
    assert_eq!((old.len() + new.len()) as u64, ended.sinks["json"][1], "{ended:?}");
    assert!(new.iter().all(|event| event.pid != Some(before.pid)));
    assert!(old.iter().all(|event| event.pid != Some(after.pid)));
}

fn replaced() {
    let mut daemon = Setup::new().json().start();
    let storm = Traffic::new(&["tcp-blocking", "--count", "2000"]).start();
    let mut files = vec![daemon.setup().lines()];
    for number in 0..5 {
        let file = daemon.setup().path(&format!("{number}.jsonl"));
        daemon.change("json.destination", &format!("{:?}", file.to_str().unwrap()));
        daemon.reload();
        files.push(file);
    }
    let report = storm.go();
    let ended = daemon.stop();
    let events: Vec<_> = files.iter().flat_map(|file| ended.setup.events(file)).collect();
    let [enqueued, sent, dropped, queued] = ended.sinks["json"];
    assert_eq!((events.len() as u64, dropped, queued), (sent, 0, 0), "{ended:?}");
    // The counts of the prometheus sink continued, and it was not restarted: both sinks had the same events.
    assert_eq!(enqueued, ended.sinks["prometheus"][0], "{ended:?}");
    let closes = events.iter().filter(|event| event.pid == Some(report.pid) && event.name == "connection.close");
    assert!(closes.count() >= 2000, "every connection was reported, in one file or another");
}

fn off_and_on() {
    let mut daemon = Setup::new().json().start();
    let first = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_lines(&first);
    daemon.change("json.enabled", "false");
    daemon.reload();
    let off = daemon.sink("json");
    let _ = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_sink("prometheus", |account| account.sent >= off.sent + 4);
    assert_eq!(daemon.sink("json"), off);
    daemon.change("json.enabled", "true");
    daemon.reload();
    let third = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_lines(&third);
    assert!(daemon.sink("json").sent > off.sent, "counts go on");
}

fn as_before() {
    let mut daemon = Setup::new().json().start();
    daemon.change("json.destination", "\"/no/such/directory/events.jsonl\"");
    daemon.reload();
    ["/no/such/directory", "continues with the old settings"].into_iter().for_each(|word| daemon.wait_for_stderr(word));
    let report = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_lines(&report);
    assert_eq!(daemon.status()["troubles"].as_array().map(Vec::len), Some(0));
}

fn wrong() {
    let mut daemon = Setup::new().json().start();
    daemon.change("json.enabled", "\"perhaps\"");
    daemon.change("parquet.zstd_level", "99");
    daemon.change("enforce.bypass_users", "[\"no-such-user\"]");
    daemon.reload();
    ["perhaps", "99", "this host has no such user", "goes on as before"]
        .into_iter()
        .for_each(|word| daemon.wait_for_stderr(word));
    let report = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_lines(&report);
    assert!(daemon.stop().status.success());
}

fn restart() {
    let mut daemon = Setup::new().start();
    daemon.change("capture.ring_size", "\"1MiB\"");
    daemon.reload();
    daemon.wait_for_stderr("capture.ring_size");
    let waiting = daemon.status()["configuration"]["waiting_for_restart"].clone();
    assert_eq!(waiting, serde_json::json!(["capture.ring_size"]));
    // The former value: no option needs a restart any more.
    daemon.change("capture.ring_size", "\"4MiB\"");
    daemon.reload();
    assert_eq!(daemon.status()["configuration"]["waiting_for_restart"], serde_json::json!([]));
}

fn log() {
    let mut daemon = Setup::new().set("log.filter", "\"error\"").start();
    assert!(!daemon.stderr().contains("INFO"), "{}", daemon.stderr());
    daemon.change("log.filter", "\"info\"");
    daemon.reload();
    daemon.wait_for_stderr("INFO");
}
