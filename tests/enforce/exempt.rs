//! Exemptions from enforcement.

use egret_tests::Cgroup;
use libtest_mimic::Trial;

use crate::host::{Fate, Host, count, fate, refused, state, switch, until_counted};
use crate::test;

/// A user and group id that nobody has.
const USER: &str = "4242";
const GROUP: &str = "4243";
/// A user and group id that nobody has and no bypass lists.
const OTHER: &str = "4244";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("exempt::users_and_groups_of_the_bypass_are_not_evaluated", bypass),
        test("exempt::cgroups_of_the_bypass_are_not_evaluated", control_groups),
        test("exempt::only_the_named_subject_is_enforced", only),
    ]
}

fn bypass() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let setup = host.setup(&[]).set("enforce.bypass_users", &format!("[\"{USER}\"]"));
    let daemon = setup.set("enforce.bypass_groups", &format!("[\"{GROUP}\"]")).start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    for (user, group, expected) in [
        ("0", "0", Fate::Refused),
        (USER, OTHER, Fate::Passed),
        (OTHER, GROUP, Fate::Passed),
        (OTHER, OTHER, Fate::Refused),
    ] {
        let words = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", unknown.to_str().unwrap()];
        assert_eq!(fate(&mut host.fetching(&words, "127.0.0.1")), expected, "{user} {group}");
    }
    let state = until_counted(&daemon, "block", 2);
    assert_eq!((count(&state, "block"), count(&state, "allow")), (2, 0), "exempted flows come to no queue: {state}");
    assert!(daemon.stop().status.success());
}

fn control_groups() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let path = format!("egret-exempt-{}.slice", std::process::id());
    let group = Cgroup::new(&format!("{path}/backup.service"));
    let setup = host.setup(&[]).set("enforce.bypass_cgroups", &format!("[\"/{path}\"]"));
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    // The shell moves itself into the group before it executes the program.
    let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.directory().display());
    let words = ["sh", "-c", &enter, "sh", unknown.to_str().unwrap()];
    assert_eq!(fate(&mut host.fetching(&words, "127.0.0.1")), Fate::Passed, "what is below a group is in it");
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    let state = until_counted(&daemon, "block", 1);
    assert_eq!((count(&state, "block"), count(&state, "allow")), (1, 0), "{state}");
    assert!(daemon.stop().status.success());
    group.remove();
}

fn only() {
    let host = Host::new();
    let [meant, other] = ["meant", "other"].map(|name| host.program(name));
    let daemon = host.setup(&[host.rule("allow", &meant)]).start_in(&host.namespace);
    let stranger = refused(&daemon, &["enforce", "--only", &format!("exe={}", other.display())]);
    assert!(stranger.contains("no rule is about exe="), "{stranger}");
    let typed = daemon.ask(&["mode", "enforce", "--only", "exe=meant"]).output().unwrap();
    assert_eq!(typed.status.code(), Some(2), "{}", String::from_utf8_lossy(&typed.stderr));
    assert_eq!(state(&daemon)["mode"], "observe");
    let shown = switch(&daemon, &["enforce", "--only", &format!("exe={}", meant.display())]);
    assert!(shown.contains(&format!("only for exe={}", meant.display())), "{shown}");
    assert_eq!([host.fetch(&meant), host.fetch(&other)], [Fate::Passed; 2]);
    assert_eq!(host.fetch_from(&meant, "127.0.0.2"), Fate::Refused);
    let state = until_counted(&daemon, "block", 1);
    assert_eq!((count(&state, "would_block"), count(&state, "block")), (1, 1), "{state}");
    switch(&daemon, &["enforce"]);
    assert_eq!([host.fetch(&meant), host.fetch(&other)], [Fate::Passed, Fate::Refused]);
    assert!(daemon.stop().status.success());
}
