//! Verdicts in JSON lines, in the log and in metrics.

use std::fs;
use std::path::Path;
use std::process::Command;

use egret_tests::{Hand, Setup, egret, stdout_of, until};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::host::{Fate, Host, switch, until_counted};
use crate::test;
use crate::web::get;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("audit::every_verdict_is_reported_with_its_reason", lines),
        test("audit::log_filter_selects_blocked_flows", log),
        test("audit::metrics_count_blocked_flows", metrics),
        test("audit::blocked_datagrams_are_in_the_log_with_their_verdict", || datagrams("auto", Asks::Yes)),
        test("audit::blocked_datagrams_are_in_the_log_with_their_verdict_without_questions", || {
            datagrams("auto", Asks::No);
        }),
        test("audit::blocked_datagrams_are_in_the_log_with_their_verdict_in_the_syscalls_layer", || {
            datagrams("syscalls", Asks::Yes);
        }),
        test("audit::socket_closed_while_its_datagram_is_held_has_its_verdict_in_the_log", closed_while_held),
        test("audit::blocked_connects_are_in_the_log_with_their_verdict_in_the_syscalls_layer", connects_by_calls),
    ]
}

/// Waits for the JSON line with the verdict on a program's connection.
fn verdict_on(setup: &Setup, program: &Path) -> Value {
    until("the event", || {
        let text = fs::read_to_string(setup.lines()).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let events = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.into_iter().find(|event| {
            event["egret.verdict"].is_string() && event["process.executable.path"] == program.to_str().unwrap()
        })
    })
}

fn lines() {
    let host = Host::new();
    let [allowed, denied, unknown] = ["allowed", "denied", "unknown"].map(|name| host.program(name));
    let rules = [host.rule("allow", &allowed), host.rule("deny", &denied)];
    let daemon = host.setup(&rules).json().start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let rule = |program: &Path| Value::from(host.rule("allow", program).trim_start_matches("allow "));
    for (program, fate, verdict, reason, rule) in [
        (&allowed, Fate::Passed, "allow", "rule", rule(&allowed)),
        (&denied, Fate::Refused, "block", "rule", rule(&denied)),
        (&unknown, Fate::Refused, "block", "no_rule", Value::Null),
    ] {
        assert_eq!(host.fetch(program), fate);
        let event = verdict_on(daemon.setup(), program);
        assert_eq!(
            (&event["egret.verdict"], &event["egret.verdict.reason"]),
            (&verdict.into(), &reason.into()),
            "{event}"
        );
        assert_eq!(event["egret.verdict.rule"], rule, "{event}");
        assert!(event["egret.verdict.attribution"].is_string(), "{event}");
        assert!(event["egret.verdict.duration_ns"].as_u64() > Some(0), "{event}");
    }
    switch(&daemon, &["shadow"]);
    let rehearsed = host.program("rehearsed");
    assert_eq!(host.fetch(&rehearsed), Fate::Passed);
    let event = verdict_on(daemon.setup(), &rehearsed);
    assert_eq!(event["egret.verdict"], "would_block", "{event}");
    assert_ne!(event["event.name"], "connection.failed", "{event}");
    assert!(daemon.stop().status.success());
}

fn log() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let daemon = host.setup(&[host.rule("allow", &allowed)]).parquet().start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    let setup = daemon.stop().setup;
    let mut command = Command::new(egret());
    command.args(["log", "--verdict", "block", "--format", "json", "--dir"]).arg(setup.log());
    let text = stdout_of(&mut command);
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(event["process.executable.path"], unknown.to_str().unwrap(), "{event}");
        assert_eq!((&event["event.name"], &event["egret.verdict"]), (&"connection.failed".into(), &"block".into()));
    }
}

/// The blocked flows of a program in the log, by transport.
fn blocked(setup: &Setup, program: &Path) -> Vec<(String, Value)> {
    let mut command = Command::new(egret());
    command.args(["log", "--verdict", "block", "--format", "json", "--dir"]).arg(setup.log());
    let events = stdout_of(&mut command);
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_program = events.filter(|event| event["process.executable.path"] == program.to_str().unwrap());
    of_program.map(|event| (event["network.transport"].as_str().unwrap_or_default().to_owned(), event)).collect()
}

/// Whether questions are enabled, as by default.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Yes,
    No,
}

/// With questions enabled, packets are held longer than events wait for a missing verdict.
fn datagrams(layer: &str, asks: Asks) {
    let host = Host::new();
    let program = host.generator("sender");
    let asks = (asks == Asks::Yes).to_string();
    let setup = host.setup(&[]).set("ask.enabled", &asks).text("capture.layer", layer).parquet();
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let mut hand = Hand::start(&mut host.namespace.command(program.to_str().unwrap()));
    for (before, (kind, peer)) in [("udp 0.0.0.0:0", "127.0.0.3:4444"), ("icmp", "127.0.0.4:0")].iter().enumerate() {
        hand.make(kind);
        hand.make(&format!("send {peer}"));
        until_counted(&daemon, "block", before as u64 + 1);
    }
    drop(hand);
    let setup = daemon.stop().setup;
    let rows = blocked(&setup, &program);
    for (transport, peer) in [("udp", "127.0.0.3"), ("icmp", "127.0.0.4")] {
        let is_it = |row: &&(String, Value)| row.0 == transport && row.1["network.peer.address"] == peer;
        assert!(rows.iter().any(|row| is_it(&row)), "{layer}: {transport} to {peer}: {rows:#?}");
    }
}

fn closed_while_held() {
    let host = Host::new();
    let program = host.generator("sender");
    let setup = host.setup(&[]).set("ask.enabled", "true").text("ask.hold", "2s").parquet();
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let mut hand = Hand::start(&mut host.namespace.command(program.to_str().unwrap()));
    hand.make("udp 0.0.0.0:0");
    hand.make("send 127.0.0.3:4444");
    hand.make("close");
    until_counted(&daemon, "block", 1);
    let setup = daemon.stop().setup;
    let rows = blocked(&setup, &program);
    assert!(rows.iter().any(|(_, row)| row["network.peer.address"] == "127.0.0.3"), "{rows:#?}");
}

fn connects_by_calls() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let setup = host.setup(&[]).set("ask.enabled", "true").text("capture.layer", "syscalls").parquet();
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    // The program does not wait for its handshake in the call.
    assert_eq!(host.fetch(&unknown), Fate::Refused);
    until_counted(&daemon, "block", 1);
    let setup = daemon.stop().setup;
    let rows = blocked(&setup, &unknown);
    assert!(rows.iter().any(|(transport, _)| transport == "tcp"), "{rows:#?}");
}

/// The sum of a metric's series that have all of these labels.
pub(crate) fn metric(text: &str, name: &str, labels: &[&str]) -> f64 {
    let series =
        text.lines().filter(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
    let wanted = series.filter(|line| labels.iter().all(|label| line.contains(label)));
    wanted.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

fn metrics() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let daemon = host.enforcing(&[host.rule("allow", &allowed)]);
    let address = daemon.metrics();
    for _ in 0..2 {
        assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    }
    let no_rule = ["verdict=\"block\"", "reason=\"no_rule\""];
    let text = until("the verdicts", || {
        let text = get(&host.namespace, &address, "/metrics");
        let counted = metric(&text, "egret_verdicts_total", &no_rule) >= 2.0;
        (counted && metric(&text, "egret_blocked_total", &no_rule) >= 2.0).then_some(text)
    });
    assert_eq!(metric(&text, "egret_verdicts_total", &["verdict=\"block\""]).to_string(), "2", "{text}");
    let executable = format!("executable=\"{}\"", unknown.display());
    assert_eq!(metric(&text, "egret_blocked_total", &[&executable, "verdict=\"block\""]).to_string(), "2", "{text}");
    assert_eq!(metric(&text, "egret_mode", &["mode=\"enforce\""]).to_string(), "1", "{text}");
    assert!(metric(&text, "egret_verdicts_total", &["verdict=\"allow\"", "reason=\"rule\""]) >= 2.0, "{text}");
    assert!(metric(&text, "egret_verdict_duration_seconds_count", &[]) >= 4.0, "{text}");
    assert!(daemon.stop().status.success());
}
