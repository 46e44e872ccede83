//! `TRACEPARENT` in the environment of a process adds its connections to that trace.
//!
//! Uses the library, because `egret trace` has no option for it.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_capture::{Capture, Options, Probe};
use egret_model::{Event, EventName, Executable, Layer, TraceParent};
use egret_tests::{PATIENCE, test, traffic};
use libtest_mimic::Trial;

const VALUE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa01902117-01";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("trace_context::new_process_has_its_trace_parent", || {
            assert_eq!(of_new(true, &[("TRACEPARENT", VALUE)]), parent())
        }),
        test("trace_context::trace_parent_is_absent_unless_configured", || {
            assert_eq!(of_new(false, &[("TRACEPARENT", VALUE)]), None)
        }),
        test("trace_context::variable_is_found_among_many", among_many),
        test("trace_context::similar_variables_and_invalid_values_are_ignored", something_else),
        test("trace_context::preexisting_process_has_its_trace_parent", older),
        test("trace_context::children_inherit_the_trace_parent", children),
        test("trace_context::working_directory_is_recorded_with_the_trace_parent", directory),
        test("trace_context::programs_stay_below_the_verifier_limits", limits),
    ]
}

fn parent() -> Option<TraceParent> {
    assert!(TraceParent::parse(VALUE).is_some());
    TraceParent::parse(VALUE)
}

fn start(trace_context: bool) -> Capture {
    let options = Options {
        layer: Some(Layer::Sockets),
        ring_bytes: 4 << 20,
        every_send: false,
        preexisting: false,
        totals: None,
        names: None,
        trace_context,
        containers: None,
        enforce: false,
    };
    Capture::start(&Probe::new(), options).unwrap()
}

/// Waits for connections of `count` processes that run this command of the generator; returns their images.
fn images(capture: &mut Capture, way: &str, pids: impl Fn(&Event) -> bool, count: usize) -> Vec<Arc<Executable>> {
    let end = Instant::now() + PATIENCE;
    let mut events = Vec::new();
    loop {
        while capture.drain(&mut events) {}
        let opened = events.iter().filter(|event| event.name == EventName::ConnectionOpen && pids(event));
        let images = opened.filter_map(|event| Some(Arc::clone(&event.process.as_ref()?.executable)));
        let found: Vec<_> = images.filter(|image| image.args.iter().any(|arg| **arg == *way)).collect();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < end, "{} of {count} connections were reported", found.len());
        capture.wait(&[], Some(Duration::from_millis(100)));
    }
}

/// The generator with this environment only, before it connects.
fn generator(way: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(traffic());
    command.args(way).env_clear().envs(environment.iter().copied()).stdout(Stdio::null());
    command
}

/// The trace parent of a process that is started with this environment.
fn of_new(trace_context: bool, environment: &[(&str, &str)]) -> Option<TraceParent> {
    let mut capture = start(trace_context);
    let mut child = generator(&["tcp-blocking"], environment).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let is = |event: &Event| event.process.as_ref().is_some_and(|process| process.pid == pid);
    images(&mut capture, "tcp-blocking", is, 1)[0].trace_parent
}

/// At any position, and however long the other variables are. Variables are passed in the order of their names.
fn among_many() {
    for length in [0, 508, 509, 510, 511, 512, 1023, 20_000] {
        for before in ["B", "Z"] {
            let long = "x".repeat(length);
            let names: Vec<String> = (0..200).map(|number| format!("{before}{number:03}")).collect();
            let short = names.iter().map(|name| (name.as_str(), "value"));
            let environment: Vec<_> = short.chain([("A", long.as_str()), ("TRACEPARENT", VALUE)]).collect();
            assert_eq!(of_new(true, &environment), parent(), "{length} {before}");
        }
    }
}

/// Other variables, values inside of other values, and invalid values.
fn something_else() {
    let inside = format!("{}TRACEPARENT={VALUE}", "x".repeat(509));
    let longer = format!("{VALUE}-more");
    for environment in [
        ("XTRACEPARENT", VALUE),
        ("TRACEPARENTS", VALUE),
        ("A", inside.as_str()),
        ("TRACEPARENT", ""),
        ("TRACEPARENT", "00-00000000000000000000000000000000-00f067aa01902117-01"),
        ("TRACEPARENT", longer.as_str()),
    ] {
        assert_eq!(of_new(true, &[environment]), None, "{environment:?}");
    }
    assert_eq!(of_new(true, &[]), None);
}

fn older() {
    let mut command = generator(&["tcp-blocking", "--wait-stdin"], &[("A", "b"), ("TRACEPARENT", VALUE)]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // It has executed its program, and waits for the end of its standard input.
    let pid = child.id();
    let mut capture = start(true);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let is = |event: &Event| event.process.as_ref().is_some_and(|process| process.pid == pid);
    assert_eq!(images(&mut capture, "tcp-blocking", is, 1)[0].trace_parent, parent());
}

/// Programs inherit the environment.
fn children() {
    let mut capture = start(true);
    let mut child = generator(&["tcp-short", "--count", "20"], &[("TRACEPARENT", VALUE)]).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let is = |event: &Event| event.process.as_ref().is_some_and(|process| process.parent_pid == Some(pid));
    let images = images(&mut capture, "one-shot", is, 20);
    assert!(images.iter().all(|image| image.trace_parent == parent()), "{images:#?}");
}

fn directory() {
    let mut capture = start(true);
    for (at, environment) in [("/usr", &[("TRACEPARENT", VALUE)][..]), ("/", &[("TRACEPARENT", VALUE)]), ("/usr", &[])]
    {
        let mut child = generator(&["tcp-blocking"], environment).current_dir(at).spawn().unwrap();
        let pid = child.id();
        assert!(child.wait().unwrap().success());
        let is = |event: &Event| event.process.as_ref().is_some_and(|process| process.pid == pid);
        let image = &images(&mut capture, "tcp-blocking", is, 1)[0];
        let expected = if environment.is_empty() { None } else { parent() };
        assert_eq!((image.directory.as_deref(), image.trace_parent), (Some(at), expected));
    }
}

/// A program close to the verifier's limit on one kernel is refused by the next. Linux reports the number of verified
/// instructions since 5.16.
fn limits() {
    const MOST: u64 = 1_000_000;
    let _capture = start(true);
    let descriptors = fs::read_dir("/proc/self/fdinfo").unwrap().map(|entry| entry.unwrap().path());
    let of_program =
        |text: String| text.lines().find_map(|line| line.strip_prefix("verified_insns:")?.trim().parse().ok());
    let verified: Vec<u64> = descriptors.filter_map(|path| of_program(fs::read_to_string(path).ok()?)).collect();
    assert!(!verified.is_empty(), "there are programs");
    assert!(verified.iter().all(|instructions| *instructions < MOST / 2), "{verified:?}");
}
