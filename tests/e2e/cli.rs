//! Start, end and outputs of a trace.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use egret_tests::{Process, Report, Seen, Sum, Trace, Traffic, egret, traffic};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::checks::{process, stream};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("cli::trace_of_a_command_shows_only_its_events", command_alone),
        test("cli::exit_status_is_that_of_the_command", command_status),
        test("cli::exit_status_names_the_signal_that_ended_the_command", command_signalled),
        test("cli::signal_is_forwarded_to_the_command", handed_on),
        test("cli::missing_command_is_an_error", no_command),
        test("cli::duration_ends_the_trace", duration),
        test("cli::sigint_and_sigterm_end_the_trace", signals),
        test("cli::closed_pipe_ends_the_trace", closed_pipe),
        test("cli::events_beyond_a_closed_pipe_are_counted_as_lost", closed_pipe_loses),
        test("cli::table_in_a_pipe_has_no_colours", table),
        test("cli::every_bad_option_is_named", bad_usage),
    ]
}

fn run(arguments: &[&str]) -> (Output, Sum) {
    let output = Command::new(egret()).arg("trace").args(arguments).stdin(Stdio::null()).output().unwrap();
    let sum = Sum::of(&String::from_utf8_lossy(&output.stderr));
    (output, sum)
}

/// Runs a command under the trace. The command writes its report to a file, because it shares standard output with
/// the events.
fn traced(way: &str) -> (Seen, Report) {
    let scratch = egret_tests::Scratch::new();
    let path = scratch.path("report");
    let script = format!("{} {way} > {}", traffic().display(), path.display());
    let seen = Trace::start_unready(&["--", "sh", "-c", &script]).finish();
    (seen, Report::read(&std::fs::read_to_string(&path).unwrap()))
}

fn command_alone() {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let mut runs = 0;
            while !over.load(Ordering::Relaxed) {
                let _others = Traffic::new(&["tcp-blocking", "--bytes", "1000"]).run();
                runs += 1;
            }
            runs
        });
        let (seen, report) = traced("tcp-blocking --count 200");
        over.store(true, Ordering::Relaxed);
        assert!(beside.join().unwrap() > 0);
        assert!(seen.status.success(), "{seen:?}");
        for end in [&report, report.server()] {
            end.flows().iter().for_each(|flow| stream(&seen, end, flow));
        }
        let listen = 1;
        assert_eq!(seen.events.len(), 800 + listen, "the others' connections are not shown");
    });
}

fn command_status() {
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255)] {
        let (output, _) = run(&["--format", "json", "--", "sh", "-c", script]);
        assert_eq!(output.status.code(), Some(status), "{script}: {output:?}");
    }
}

fn command_signalled() {
    for (signal, number) in [("TERM", 15), ("KILL", 9)] {
        let (output, _) = run(&["--", "sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!(output.status.code(), Some(128 + number), "{output:?}");
    }
}

/// The command handles the signal, and the trace ends with it.
fn handed_on() {
    let script =
        format!("trap 'exit 9' INT; {} tcp-blocking > /dev/null; while :; do sleep 0.01; done", traffic().display());
    // A shell cannot trap a signal that was ignored when it started, as for a background program of a script.
    let trace = Trace::start_unready(&["--", "env", "--default-signal=INT", "sh", "-c", &script]);
    // Its trap is set before it connects.
    assert!(trace.wait_for(|events| events.iter().any(|event| event.name == "connection.close")));
    let seen = trace.stop();
    assert_eq!(seen.status.code(), Some(9), "{seen:?}");
}

fn no_command() {
    for (command, status) in [("/no/such/command", 127), ("no-such-command", 127), ("/etc", 126)] {
        let output = Command::new(egret()).args(["trace", "--", command]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        assert!(stderr.contains(command), "{stderr}");
    }
}

fn duration() {
    let (output, _) = run(&["--format", "json", "--duration", "200ms"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

fn signals() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&["tcp-blocking"]).run();
        trace.process().signal(signal);
        let seen = trace.finish();
        assert_eq!(seen.status.code(), Some(0), "{signal}: {seen:?}");
        seen.of_pid(report.pid).into_iter().for_each(|event| process(event, &report));
        assert!(!seen.of_pid(report.pid).is_empty(), "{signal}: what came before the signal is shown");
    }
}

/// The pipe fills up because nobody reads it, and is then closed.
fn closed_pipe_loses() {
    let mut command = Command::new(egret());
    command.args(["trace", "--format", "json", "--no-standing"]).env("EGRET_LOG", "info");
    let mut egret = Process::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let stdout = egret.handle().stdout.take().unwrap();
    let mut stderr = BufReader::new(egret.handle().stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("capture started") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    // Some 700 bytes an event; a pipe holds 64 KiB.
    let report = Traffic::new(&["tcp-blocking", "--count", "300", "--bytes", "10"]).run();
    assert_eq!(report.total.errno, None, "{report:#?}");
    drop(stdout);
    let status = egret.wait();
    said.push_str(&std::io::read_to_string(stderr).unwrap());
    assert_eq!(status.code(), Some(0), "{said}");
    let sum = Sum::of(&said);
    assert!(said.contains("lost at output, closed"), "{said}");
    assert!(sum.lost > 0, "{sum:?}");
}

fn closed_pipe() {
    for format in ["json", "table"] {
        let mut command = Command::new(egret());
        command.args(["trace", "--format", format]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut egret = Process::start(&mut command);
        let mut stdout = BufReader::new(egret.handle().stdout.take().unwrap());
        let stderr = egret.handle().stderr.take().unwrap();
        let connection = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut line = String::new();
        // Either a preexisting or a new listener yields a line.
        assert!(stdout.read_line(&mut line).unwrap() > 0);
        drop((stdout, connection));
        let status = egret.wait();
        let stderr = std::io::read_to_string(stderr).unwrap();
        assert_eq!(status.code(), Some(0), "{format}: {stderr}");
        let _ = Sum::of(&stderr);
    }
}

fn table() {
    let (output, _) = run(&["--", &traffic().to_string_lossy(), "tcp-blocking"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('{')).collect();
    // A heading; the listener; an open and a close for each endpoint.
    assert_eq!(lines.len(), 6, "{text}");
    assert!(lines[1..].iter().all(|line| line.contains("egret-traffic") && line.contains("127.0.0.1")), "{text}");
    assert_eq!(lines.iter().filter(|line| line.contains("tcp")).count(), 5, "{text}");
}

fn bad_usage() {
    let bad = ["trace", "--port", "0", "--peer", "nowhere", "--ring-size", "5"];
    let output = Command::new(egret()).args(bad).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    for option in ["--port", "--peer", "--ring-size"] {
        assert!(stderr.contains(option), "{option}: {stderr}");
    }
}
