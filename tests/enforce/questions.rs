//! `egret ask`: what is blocked for want of a rule, and answers.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use egret_tests::{Daemon, Process, until};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::host::{Fate, Host, baseline, switch, told, until_learned, until_mode};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("questions::allowed_once_is_for_one_connection", once),
        test("questions::allowed_always_is_a_rule", always),
        test("questions::denied_is_not_asked_again", denied),
        test("questions::allowed_for_a_time_is_over_after_it", for_a_time),
        test("questions::answer_is_withdrawn", withdrawn),
        test("questions::connection_that_is_held_goes_on_with_the_answer", held),
    ]
}

fn asking(host: &Host, hold: &str) -> Daemon {
    let daemon = host.setup(&[]).set("ask.enabled", "true").text("ask.hold", hold).start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    daemon
}

fn open(daemon: &Daemon) -> Vec<Value> {
    let text = told(&mut daemon.ask(&["ask", "--list", "--json"]));
    serde_json::from_str::<Value>(&text).unwrap()["open"].as_array().unwrap().clone()
}

/// The only question, which is about this program; its number.
fn question(daemon: &Daemon, program: &Path) -> String {
    let [question] = &open(daemon)[..] else { panic!("not one question: {:#?}", open(daemon)) };
    assert_eq!(question["executable"], program.to_str().unwrap(), "{question}");
    question["id"].to_string()
}

/// A program that was refused, and the number of the question about it.
fn asked() -> (Host, PathBuf, Daemon, String) {
    let host = Host::new();
    let program = host.program("program");
    let daemon = asking(&host, "50ms");
    assert_eq!(host.fetch(&program), Fate::Refused);
    let id = question(&daemon, &program);
    (host, program, daemon, id)
}

fn once() {
    let (host, program, daemon, id) = asked();
    told(&mut daemon.ask(&["ask", "allow", &id, "--once"]));
    assert_eq!([host.fetch(&program), host.fetch(&program)], [Fate::Passed, Fate::Refused]);
    assert_ne!(question(&daemon, &program), id, "it is asked anew");
    assert!(daemon.stop().status.success());
}

fn always() {
    let (host, program, daemon, id) = asked();
    let said = told(daemon.ask(&["ask", "allow", &id]).env("SUDO_USER", "alice"));
    assert!(said.contains("in the baseline"), "{said}");
    assert_eq!([host.fetch(&program), host.fetch(&program)], [Fate::Passed; 2]);
    assert_eq!(host.fetch_from(&program, "127.0.0.2"), Fate::Refused, "of that nobody said anything");
    until_learned(daemon.setup(), &["allow ", &program.display().to_string(), "answered by alice, 20"]);
    let daemon = daemon.kill().start_in(&host.namespace);
    until_mode(&daemon, "enforce");
    assert_eq!(host.fetch(&program), Fate::Passed, "after a kill");
    let removed = baseline(daemon.setup(), "remove", &["--by", "alice", "--answered-since", "2020-01-01"]);
    assert!(removed.contains(&program.display().to_string()), "{removed}");
    until("the rule is out of force", || (host.fetch(&program) == Fate::Refused).then_some(()));
    assert!(daemon.stop().status.success());
}

fn denied() {
    let host = Host::new();
    let program = host.program("program");
    let daemon = asking(&host, "50ms");
    assert_eq!([host.fetch(&program), host.fetch_from(&program, "127.0.0.2")], [Fate::Refused; 2]);
    assert_eq!(open(&daemon).len(), 2);
    told(&mut daemon.ask(&["ask", "deny", &format!("exe={}", program.display()), "--until-restart"]));
    assert_eq!([host.fetch(&program), host.fetch_from(&program, "127.0.0.2")], [Fate::Refused; 2]);
    assert!(open(&daemon).is_empty());
    assert!(daemon.stop().status.success());
}

fn for_a_time() {
    let (host, program, daemon, id) = asked();
    told(&mut daemon.ask(&["ask", "allow", &id, "--for", "10s"]));
    assert_eq!([host.fetch(&program), host.fetch(&program)], [Fate::Passed; 2]);
    // What was allowed stays so for as long as the answer holds, not for as long as decisions are remembered.
    until("the end of that time", || (host.fetch(&program) == Fate::Refused).then_some(()));
    assert_ne!(question(&daemon, &program), id, "it is asked anew");
    assert!(daemon.stop().status.success());
}

fn withdrawn() {
    let (host, program, daemon, id) = asked();
    told(&mut daemon.ask(&["ask", "allow", &id, "--until-restart"]));
    assert_eq!([host.fetch(&program), host.fetch(&program)], [Fate::Passed; 2]);
    told(&mut daemon.ask(&["ask", "withdraw", &id]));
    assert_eq!(host.fetch(&program), Fate::Refused);
    let again = daemon.ask(&["ask", "withdraw", &id]).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(daemon.stop().status.success());
}

fn held() {
    let host = Host::new();
    let program = host.program("program");
    let daemon = asking(&host, "5s");
    let mut command = host.fetching(&[program.to_str().unwrap()], "127.0.0.1");
    command.args(["--connect-timeout", "20"]).stdout(Stdio::null());
    let mut curl = Process::start(&mut command);
    until("a question", || (!open(&daemon).is_empty()).then_some(()));
    told(&mut daemon.ask(&["ask", "allow", &question(&daemon, &program), "--until-restart"]));
    assert_eq!(curl.wait().code(), Some(0));
    assert!(daemon.stop().status.success());
}
