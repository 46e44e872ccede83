//! `promtool check metrics` accepts the syntax, names and types of the metrics.
//!
//! Listed as ignored where there is no `promtool`.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../prometheus/situation.rs"]
#[expect(dead_code, reason = "for the other tests of metrics")]
mod situation;

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};

use egret_exporters::prometheus::Metrics;
use egret_model::{Event, EventName, Verdict};
use libtest_mimic::{Arguments, Trial};

use situation::{event, metrics, opened, text};

fn main() -> ExitCode {
    let trials = [
        trial("initial_page_is_valid", |_| {}),
        trial("page_with_every_metric_is_valid", everything),
        trial("page_with_hostile_names_is_valid", hostile),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn trial(name: &str, happens: fn(&Metrics)) -> Trial {
    let found = promtool("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let trial = Trial::test(name, move || {
        let metrics = metrics(10, 10);
        happens(&metrics);
        check(&text(&metrics));
        Ok(())
    });
    if found { trial } else { trial.with_kind("needs promtool").with_ignored_flag(true) }
}

fn promtool(arguments: &str) -> Command {
    let mut command = Command::new("promtool");
    command.args(arguments.split(' '));
    command
}

/// Asserts that the content is valid, without advisory information.
fn check(metrics: &str) {
    let mut check = promtool("check metrics");
    check.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = check.spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.is_empty(), "{}: {said}\n{metrics}", output.status);
}

fn everything(metrics: &Metrics) {
    let closed = Event {
        bytes_sent: Some(1),
        connection_duration_ns: Some(1),
        rtt_ns: Some(1),
        ..event(EventName::ConnectionClose, "/a")
    };
    let blocked = Event { verdict: Some(Verdict::Block), ..event(EventName::ConnectionFailed, "/a") };
    metrics.count(&[opened("/a"), closed, blocked]);
}

fn hostile(metrics: &Metrics) {
    for path in ["/\"} 1\n# TYPE x counter\nx 1", "/\\", "/\u{1b}[2J\r\t\0", "/\u{85}\u{2028}\u{202e}", "/ü\u{10ffff}"]
    {
        metrics.count(&[opened(path)]);
    }
}
