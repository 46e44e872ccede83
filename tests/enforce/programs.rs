//! Several programs at once, and programs that were replaced.

use std::fs;
use std::path::Path;

use egret_tests::{copy_program, write_program};
use libtest_mimic::Trial;

use crate::host::{Fate, Host, count, state, switch, until_counted, until_learned};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("programs::allowed_and_denied_programs_run_side_by_side", side_by_side),
        test("programs::copy_of_a_learned_program_is_blocked", copied),
        test("programs::replaced_file_is_blocked_by_a_rule_with_its_digest", replaced),
        test("programs::shadow_passes_every_flow_and_counts_would_block", rehearsed),
        test("programs::drop_sends_no_error_to_the_program", dropped),
    ]
}

fn side_by_side() {
    let host = Host::new();
    let [allowed, denied, unknown] = ["allowed", "denied", "unknown"].map(|name| host.program(name));
    let anywhere = format!("allow exe={} -> tcp * *", denied.display());
    let daemon = host.enforcing(&[host.rule("allow", &allowed), anywhere, host.rule("deny", &denied)]);
    for _ in 0..2 {
        assert_eq!(host.fetch(&allowed), Fate::Passed);
        assert_eq!(host.fetch(&denied), Fate::Refused);
        assert_eq!(host.fetch_from(&denied, "127.0.0.2"), Fate::Passed, "another address");
        assert_eq!(host.fetch(&unknown), Fate::Refused);
        assert_eq!(host.fetch_from(&allowed, "127.0.0.2"), Fate::Refused, "another address");
    }
    let state = until_counted(&daemon, "block", 6);
    assert_eq!((count(&state, "block"), count(&state, "would_block")), (6, 0), "{state}");
    switch(&daemon, &["observe"]);
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    assert!(daemon.stop().status.success());
}

fn copied() {
    let host = Host::new();
    let learned = host.program("learned");
    let daemon = host.setup(&[]).start_in(&host.namespace);
    assert_eq!(host.fetch(&learned), Fate::Passed);
    let rule = until_learned(daemon.setup(), &[&learned.display().to_string()]);
    assert!(rule.contains(" user=root -> tcp ") && rule.contains(&host.port().to_string()), "{rule}");
    switch(&daemon, &["enforce"]);
    let copy = host.path("copy");
    copy_program(&learned, &copy);
    assert_eq!(host.fetch(&learned), Fate::Passed);
    assert_eq!(host.fetch(&copy), Fate::Refused);
    assert!(daemon.stop().status.success());
}

fn replaced() {
    let host = Host::new();
    let learned = host.program("learned");
    let setup = host.setup(&[]).set("capture.hash", "true").set("baseline.sha256", "true");
    let daemon = setup.start_in(&host.namespace);
    assert_eq!(host.fetch(&learned), Fate::Passed);
    until_learned(daemon.setup(), &[&learned.display().to_string(), "sha256="]);
    switch(&daemon, &["enforce"]);
    assert_eq!(host.fetch(&learned), Fate::Passed);
    let original = fs::read(&learned).unwrap();
    put(&learned, &[&original[..], b"more"].concat());
    assert_eq!(host.fetch(&learned), Fate::Refused, "another file at the same path");
    put(&learned, &original);
    assert_eq!(host.fetch(&learned), Fate::Passed, "the same contents again");
    assert!(daemon.stop().status.success());
}

/// Replaces the file by a rename, as package managers do.
fn put(path: &Path, contents: &[u8]) {
    let fresh = path.with_extension("new");
    write_program(&fresh, contents);
    fs::rename(&fresh, path).unwrap();
}

fn rehearsed() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let daemon = host.setup(&[host.rule("allow", &allowed)]).start_in(&host.namespace);
    switch(&daemon, &["shadow"]);
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed; 2]);
    let state = until_counted(&daemon, "would_block", 1);
    assert_eq!((count(&state, "allow"), count(&state, "would_block"), count(&state, "block")), (1, 1, 0), "{state}");
    // Flows that passed before are evaluated again.
    switch(&daemon, &["enforce"]);
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    assert!(daemon.stop().status.success());
}

fn dropped() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let daemon = host.setup(&[host.rule("allow", &allowed)]).text("enforce.action", "drop").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Silence]);
    assert!(count(&state(&daemon), "would_block") == 0);
    assert!(daemon.stop().status.success());
}
