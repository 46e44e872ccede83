//! `egret ask`: flows without a rule, and answers.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use egret_tests::{Daemon, Hand, Process, egret, stdout_of, until};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::host::{Fate, Host, baseline, switch, until_counted, until_learned, until_mode};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("questions::allow_once_applies_to_one_connection", once),
        test("questions::allow_always_adds_a_rule", always),
        test("questions::unwritable_answer_blocks_nothing_else", locked),
        test("questions::denied_flow_raises_no_further_question", denied),
        test("questions::timed_answer_expires", for_a_time),
        test("questions::wide_answer_applies_to_its_extent", wide),
        test("questions::wide_answer_for_one_connection_is_used_once", wide_once),
        test("questions::withdrawn_answer_no_longer_applies", withdrawn),
        test("questions::held_connection_continues_with_the_answer", held),
        test("questions::held_datagram_is_recorded_with_its_verdict", held_datagram),
    ]
}

fn asking(host: &Host, hold: &str) -> Daemon {
    let daemon = host.setup(&[]).set("ask.enabled", "true").text("ask.hold", hold).start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    daemon
}

fn open(daemon: &Daemon) -> Vec<Value> {
    let text = stdout_of(&mut daemon.ask(&["ask", "--list", "--json"]));
    serde_json::from_str::<Value>(&text).unwrap()["open"].as_array().unwrap().clone()
}

/// The id of the only question, which must be about this program.
fn question(daemon: &Daemon, program: &Path) -> String {
    let [question] = &open(daemon)[..] else { panic!("not one question: {:#?}", open(daemon)) };
    assert_eq!(question["executable"], program.to_str().unwrap(), "{question}");
    question["id"].to_string()
}

/// A program that was rejected, and the id of the question about it.
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
    stdout_of(&mut daemon.ask(&["ask", "allow", &id, "--once"]));
    assert_eq!([host.fetch(&program), host.fetch(&program)], [Fate::Passed, Fate::Refused]);
    assert_ne!(question(&daemon, &program), id, "it is asked anew");
    assert!(daemon.stop().status.success());
}

fn always() {
    let (host, program, daemon, id) = asked();
    let said = stdout_of(daemon.ask(&["ask", "allow", &id]).env("SUDO_USER", "alice").env("LOGNAME", "mallory"));
    assert!(said.contains("in the baseline"), "{said}");
    assert_eq!([host.fetch(&program), host.fetch(&program)], [Fate::Passed; 2]);
    assert_eq!(host.fetch_from(&program, "127.0.0.2"), Fate::Refused, "the answer is not about this peer");
    until_learned(daemon.setup(), &["allow ", &program.display().to_string(), "answered by alice, 20"]);
    let daemon = daemon.kill().start_in(&host.namespace);
    until_mode(&daemon, "enforce");
    assert_eq!(host.fetch(&program), Fate::Passed, "after a kill");
    let removed = baseline(daemon.setup(), "remove", &["--by", "alice", "--answered-since", "2020-01-01"]);
    assert!(removed.contains(&program.display().to_string()), "{removed}");
    until("the rule is out of force", || (host.fetch(&program) == Fate::Refused).then_some(()));
    assert!(daemon.stop().status.success());
}

/// Another process holds the lock of the baseline file.
fn locked() {
    let (host, program, daemon, id) = asked();
    let lock = fs::File::create(daemon.setup().path("baseline.lock")).unwrap();
    lock.lock().unwrap();
    let mut answering = daemon.ask(&["ask", "allow", &id]);
    let answering = answering.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until("the answer", || open(&daemon).is_empty().then_some(()));
    switch(&daemon, &["shadow", "--confirm-within", "1s"]);
    stdout_of(&mut daemon.ask(&["status"]));
    until_mode(&daemon, "enforce");
    let output = answering.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("another program is changing the baseline"), "{stderr}");
    assert_eq!(host.fetch(&program), Fate::Passed, "it holds until egret ends");
    drop(lock);
    assert!(daemon.stop().status.success());
}

fn denied() {
    let host = Host::new();
    let program = host.program("program");
    let daemon = asking(&host, "50ms");
    assert_eq!([host.fetch(&program), host.fetch_from(&program, "127.0.0.2")], [Fate::Refused; 2]);
    assert_eq!(open(&daemon).len(), 2);
    stdout_of(&mut daemon.ask(&["ask", "deny", &format!("exe={}", program.display()), "--until-restart"]));
    assert_eq!([host.fetch(&program), host.fetch_from(&program, "127.0.0.2")], [Fate::Refused; 2]);
    assert!(open(&daemon).is_empty());
    assert!(daemon.stop().status.success());
}

fn for_a_time() {
    let (host, program, daemon, id) = asked();
    stdout_of(&mut daemon.ask(&["ask", "allow", &id, "--for", "10s"]));
    assert_eq!([host.fetch(&program), host.fetch(&program)], [Fate::Passed; 2]);
    // The flow is allowed as long as the answer is valid, not as long as verdicts are cached.
    until("the end of that time", || (host.fetch(&program) == Fate::Refused).then_some(()));
    assert_ne!(question(&daemon, &program), id, "it is asked anew");
    assert!(daemon.stop().status.success());
}

fn wide() {
    let (host, program, daemon, id) = asked();
    let other = host.program("other");
    assert_eq!(host.fetch_from(&program, "127.0.0.2"), Fate::Refused);
    let said = daemon.ask(&["ask", "allow", &id, "--domain"]).output().unwrap();
    assert_eq!(said.status.code(), Some(1), "an address has no domain: {said:?}");
    assert_eq!(open(&daemon).len(), 2, "both are still asked");
    stdout_of(&mut daemon.ask(&["ask", "allow", &id, "--any-host", "--for", "1h"]));
    assert!(open(&daemon).is_empty(), "the answer is for both: {:#?}", open(&daemon));
    let fetched = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(|address| host.fetch_from(&program, address));
    assert_eq!((fetched, host.fetch(&other)), ([Fate::Passed; 3], Fate::Refused), "it is for one program");
    stdout_of(&mut daemon.ask(&["ask", "withdraw", &id]));
    assert_eq!(host.fetch(&program), Fate::Refused);
    let subject = format!("exe={}", program.display());
    let said = stdout_of(daemon.ask(&["ask", "allow", &subject, "--any-port"]).env("SUDO_USER", "alice"));
    assert!(said.contains("-> * localhost *") && said.contains("in the baseline"), "{said}");
    until_learned(daemon.setup(), &["allow ", &program.display().to_string(), "-> * localhost *", "answered by alice"]);
    assert_eq!([host.fetch(&program), host.fetch_from(&program, "127.0.0.2")], [Fate::Passed, Fate::Refused]);
    // A denying rule wins, however narrow the allowing rule is.
    stdout_of(&mut daemon.ask(&["ask", "deny", &subject, "--any-host", "--any-port"]));
    until("the rule that denies", || (host.fetch(&program) == Fate::Refused).then_some(()));
    assert!(daemon.stop().status.success());
}

fn wide_once() {
    let (host, program, daemon, id) = asked();
    stdout_of(&mut daemon.ask(&["ask", "allow", &id, "--any-host", "--any-port", "--once"]));
    let fetched = [0; 2].map(|_| host.fetch_from(&program, "127.0.0.2"));
    assert_eq!(fetched, [Fate::Passed, Fate::Refused]);
    assert!(daemon.stop().status.success());
}

fn withdrawn() {
    let (host, program, daemon, id) = asked();
    stdout_of(&mut daemon.ask(&["ask", "allow", &id, "--until-restart"]));
    assert_eq!([host.fetch(&program), host.fetch(&program)], [Fate::Passed; 2]);
    stdout_of(&mut daemon.ask(&["ask", "withdraw", &id]));
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
    stdout_of(&mut daemon.ask(&["ask", "allow", &question(&daemon, &program), "--until-restart"]));
    assert_eq!(curl.wait().code(), Some(0));
    assert!(daemon.stop().status.success());
}

/// An event without a verdict would be learned from the log: it waits as long as its packet is held.
fn held_datagram() {
    let host = Host::new();
    let program = host.generator("sender");
    let setup = host.setup(&[]).set("ask.enabled", "true").text("ask.hold", "2s").json().parquet();
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let receiver = host.namespace.within(|| UdpSocket::bind("127.0.0.1:0").unwrap());
    let peer = receiver.local_addr().unwrap();
    let mut hand = Hand::start(&mut host.namespace.command(program.to_str().unwrap()));
    hand.make("udp 0.0.0.0:0");
    hand.make(&format!("send {peer}"));
    until("a question", || (!open(&daemon).is_empty()).then_some(()));
    let _ = until_counted(&daemon, "block", 1);
    receiver.set_nonblocking(true).unwrap();
    assert!(receiver.recv(&mut [0; 100]).is_err(), "no answer arrived");
    let lines = daemon.setup().lines();
    let sent = until("the event", || {
        let events = daemon.setup().events(&lines);
        events.into_iter().find(|event| event.name == "datagram.send" && event.peer() == Some(peer))
    });
    assert_eq!(sent.verdict.as_deref(), Some("block"), "{sent:?}");
    drop(hand);
    let setup = daemon.stop().setup;
    let (log, learned) = (setup.log(), setup.path("learned"));
    let arguments = ["baseline", "learn", "--log", log.to_str().unwrap(), "--output", learned.to_str().unwrap()];
    stdout_of(Command::new(egret()).args(arguments));
    let learned = fs::read_to_string(learned).unwrap_or_default();
    assert!(!learned.contains(&program.display().to_string()), "{learned}");
}
