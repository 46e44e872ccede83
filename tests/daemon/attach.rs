//! `egret trace --attach`: live events of a daemon.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use egret_tests::{Daemon, Event, Process, Setup, Sum, Traffic, until};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::{test, test_alone};

/// The daemon's limit of subscribers.
const SUBSCRIBERS: usize = 8;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("attach::events_of_the_daemon_are_shown", json),
        test("attach::table_and_filters_match_those_of_trace", table),
        test("attach::attach_ends_with_the_daemon_after_all_its_events", ends_with_daemon),
        test("attach::duration_ends_the_attach", duration),
        test("attach::closed_pipe_ends_the_attach", closed_pipe),
        test_alone("attach::slow_subscriber_is_informed_of_lost_events", slow),
        test("attach::subscriber_beyond_the_limit_is_refused", one_too_many),
        test("attach::capture_options_are_refused", bad_usage),
    ]
}

/// A trace that is attached.
struct Attached {
    process: Process,
}

impl Attached {
    fn start(daemon: &Daemon, arguments: &[&str]) -> Self {
        let mut command = daemon.ask(&["trace", "--attach"]);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).env("EGRET_LOG", "info");
        let mut process = Process::start(&mut command);
        wait_for_word(process.handle(), "attached");
        Self { process }
    }

    fn stop(mut self) -> (String, Sum) {
        self.process.signal(Signal::SIGINT);
        self.finish()
    }

    fn finish(&mut self) -> (String, Sum) {
        let (mut text, mut stderr) = (String::new(), String::new());
        self.process.handle().stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.process.handle().stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = self.process.wait();
        assert!(status.success(), "{status}: {stderr}");
        (text, Sum::of(&stderr))
    }
}

/// Reads standard error byte by byte, so that the rest stays in the pipe.
fn wait_for_word(child: &mut Child, word: &str) {
    let mut read = Vec::new();
    let stderr = child.stderr.as_mut().unwrap();
    while !String::from_utf8_lossy(&read).lines().any(|line| line.contains(word)) || read.last() != Some(&b'\n') {
        let mut byte = [0];
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&read));
        read.push(byte[0]);
    }
}

fn events(text: &str) -> Vec<Event> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Every line about a process equals the line of the JSON sink byte for byte.
fn json() {
    let daemon = Setup::new().json().start();
    let attached = Attached::start(&daemon, &["--format", "json", "--totals"]);
    let report = Traffic::new(&["tcp-blocking", "--count", "10"]).run();
    daemon.wait_for_lines(&report);
    until("the subscriber to have it all", || (daemon.sink("live").queued == 0).then_some(()));
    let (text, sum) = attached.stop();
    let lines = std::fs::read_to_string(daemon.setup().lines()).unwrap();
    let about = |text: &str| -> Vec<String> {
        let pid = format!("\"process.pid\":{},", report.pid);
        text.lines().filter(|line| line.contains(&pid)).map(str::to_owned).collect()
    };
    assert!(about(&text).len() >= 20, "{text}");
    assert_eq!(about(&text), about(&lines));
    assert_eq!((sum.lost, sum.delivered), (0, events(&text).len() as u64), "{sum:?}");
}

fn table() {
    let daemon = Setup::new().json().start();
    let other = Attached::start(&daemon, &["--user", "4242"]);
    let attached = Attached::start(&daemon, &["--exe", "egret-traffic", "--transport", "tcp"]);
    let report = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_lines(&report);
    until("the subscribers to have it all", || (daemon.sink("live").queued == 0).then_some(()));
    let (text, _) = attached.stop();
    let rows: Vec<_> = text.lines().skip(1).collect();
    assert!(rows.len() >= 5 && rows.iter().all(|row| row.contains("egret-traffic")), "{text}");
    assert!(rows.iter().any(|row| row.contains(&report.total.peer().to_string())), "{text}");
    let (text, _) = other.stop();
    assert_eq!(text.lines().count(), 1, "the heading alone: {text}");
}

fn ends_with_daemon() {
    let daemon = Setup::new().json().start();
    let mut attached = Attached::start(&daemon, &["--format", "json", "--totals"]);
    let report = Traffic::new(&["tcp-blocking", "--count", "10"]).run();
    let ended = daemon.stop();
    assert!(ended.status.success(), "{ended:?}");
    let (text, sum) = attached.finish();
    let shown = events(&text);
    assert_eq!(sum.delivered, shown.len() as u64);
    // The sink and the subscriber have the same events, except those before the subscription.
    let all = ended.setup.events(&ended.setup.lines());
    let of = |events: &[Event]| events.iter().filter(|event| event.pid == Some(report.pid)).count();
    assert!(of(&all) >= 20 && of(&all) == of(&shown), "{} and {}", of(&all), of(&shown));
    let [enqueued, sent, dropped, queued] = ended.sinks["live"];
    assert_eq!((sent, dropped, queued), (enqueued, 0, 0), "{ended:?}");
}

fn duration() {
    let daemon = Setup::new().start();
    let mut attached = Attached::start(&daemon, &["--duration", "200ms"]);
    let _ = attached.finish();
}

fn closed_pipe() {
    let daemon = Setup::new().start();
    let mut attached = Attached::start(&daemon, &["--format", "table"]);
    let mut stdout = BufReader::new(attached.process.handle().stdout.take().unwrap());
    let mut heading = String::new();
    stdout.read_line(&mut heading).unwrap();
    drop(stdout);
    let status = attached.process.wait();
    assert!(status.success(), "{status}");
    until("the daemon to notice", || (daemon.sink("live").queued == 0).then_some(()));
}

/// Nobody reads standard output: the pipe fills, then the socket, then the queue. Other readers are not delayed.
fn slow() {
    let daemon = Setup::new().json().start();
    let attached = Attached::start(&daemon, &["--format", "json", "--totals"]);
    let storm = || Traffic::new(&["storm", "--seconds", "1", "--threads", "2"]).run();
    let missed = until("more than the subscriber has room for", || {
        let _ = storm();
        daemon.sink("live").dropped.get("queue_full").copied()
    });
    assert!(missed > 0);
    daemon.wait_for_sink("json", |account| account.queued == 0);
    let (text, sum) = attached.stop();
    assert_eq!(sum.delivered, events(&text).len() as u64, "{sum:?}");
    assert!(sum.lost > 0, "{sum:?}");
    let ended = daemon.stop();
    let [json, live] = ["json", "live"].map(|sink| ended.sinks[sink][1]);
    assert!(json > live, "the others are not held up: {ended:?}");
}

fn one_too_many() {
    let daemon = Setup::new().start();
    let all: Vec<_> = (0..SUBSCRIBERS).map(|_| Attached::start(&daemon, &[])).collect();
    let output = daemon.ask(&["trace", "--attach"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && stderr.contains("503"), "{stderr}");
    drop(all);
    until("a free place", || {
        let mut command = daemon.ask(&["trace", "--attach", "--duration", "10ms"]);
        command.output().unwrap().status.success().then_some(())
    });
}

fn bad_usage() {
    for arguments in [&["--attach", "--capture", "procfs"][..], &["--attach", "--", "true"], &["--socket", "/x"]] {
        let output = Command::new(egret_tests::egret()).arg("trace").args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && stderr.contains("--attach"), "{arguments:?}: {stderr}");
    }
}
