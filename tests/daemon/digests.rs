//! Digests are computed beside the stream of events.

use std::path::Path;
use std::process::{Command, Stdio};

use egret_tests::{Event, Setup, Traffic, copy_program, stdout_of, traffic, until};
use libtest_mimic::Trial;

use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![test("digests::huge_executable_delays_neither_events_nor_other_digests", giant)]
}

/// A file that takes hours to read within the read budget.
fn giant() {
    let daemon = Setup::new().json().text("capture.hash_rate", "1MiB").text("capture.hash_size", "1TiB").start();
    let program = daemon.setup().path("giant");
    copy_program(&traffic(), &program);
    stdout_of(Command::new("truncate").args(["--size", "64G"]).arg(&program));
    let of = |events: &[Event], pid| events.iter().filter(|event| event.pid == Some(pid)).cloned().collect::<Vec<_>>();
    let build_id = until("a build id of the giant", || {
        let report = Traffic::by(&program, &["tcp-blocking"]).run();
        let events = of(&daemon.wait_for_lines(&report), report.pid);
        assert!(events.iter().all(|event| event.sha256.is_none()), "{events:#?}");
        events.into_iter().find_map(|event| event.build_id)
    });
    assert_eq!(build_id.len(), 32);
    // Smaller than one read of the huge file.
    let small = daemon.setup().path("small");
    copy_program(Path::new("/bin/bash"), &small);
    let script = "exec 3<>/dev/tcp/127.0.0.1/9 || exec sleep 0";
    until("a digest of another", || {
        let _ = Command::new(&small).args(["-c", script]).stderr(Stdio::null()).status().unwrap();
        let events = daemon.setup().events(&daemon.setup().lines());
        let is = |event: &Event| event.path.as_deref() == small.to_str() && event.sha256.is_some();
        events.iter().any(is).then_some(())
    });
    let tally = daemon.status()["tally"].clone();
    assert_eq!((&tally["lost"], &tally["incomplete"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert!(daemon.stop().status.success());
}
