//! The strict collector `receiver.py`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use egret_tests::{Process, python, until};
use serde::Deserialize;
use serde_json::Value;

const SCRIPT: &str = include_str!("../receiver.py");

/// The trace of a test's process, and its parent span. All collectors know it, because each daemon traces the whole
/// host.
pub(super) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(super) const PARENT: &str = "b7ad6b7169203331";

/// OTLP's transports.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    Grpc,
    Http,
}

impl Wire {
    /// Its value of `otlp.protocol`.
    pub(super) const fn protocol(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http/protobuf",
        }
    }
}

/// A span as received.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Span {
    pub(super) transport: String,
    pub(super) scope: String,
    pub(super) resource: BTreeMap<String, Value>,
    pub(super) trace: String,
    pub(super) span: String,
    pub(super) parent: Option<String>,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) status: String,
    pub(super) message: String,
    pub(super) attributes: BTreeMap<String, Value>,
}

impl Span {
    /// An attribute; null if it is absent.
    pub(super) fn attribute(&self, key: &str) -> &Value {
        self.attributes.get(key).unwrap_or(&Value::Null)
    }
}

/// Its first line.
#[derive(Deserialize)]
struct Addresses {
    grpc: String,
    http: String,
}

/// One of its later lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Violation { violation: String },
    Span(Box<Span>),
}

#[derive(Default)]
struct Heard {
    spans: Vec<Span>,
    violations: Vec<String>,
}

/// A running collector.
pub(super) struct Receiver {
    process: Process,
    addresses: Addresses,
    heard: Arc<Mutex<Heard>>,
    reader: JoinHandle<()>,
}

impl Receiver {
    /// Starts it with further options, which its script documents.
    pub(super) fn start(options: &[&str]) -> Self {
        let mut command = Command::new(python());
        command.args(["-c", SCRIPT, "--remote-parent", &format!("{TRACE}:{PARENT}")]).args(options);
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut stdout = BufReader::new(process.handle().stdout.take().expect("asked for"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the collector writes text");
        let addresses = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        let heard = Arc::<Mutex<Heard>>::default();
        let reader = thread::spawn({
            let heard = Arc::clone(&heard);
            move || read(stdout, &heard)
        });
        Self { process, addresses, heard, reader }
    }

    /// Its address as a value of `otlp.endpoint`.
    pub(super) fn endpoint(&self, wire: Wire) -> String {
        match wire {
            Wire::Grpc => format!("http://{}", self.addresses.grpc),
            Wire::Http => format!("http://{}", self.addresses.http),
        }
    }

    /// Waits until the received spans are enough; `what` describes the condition.
    pub(super) fn wait(&self, what: &str, enough: impl Fn(&[Span]) -> bool) {
        until(what, || enough(&self.heard.lock().expect("no reader panics").spans).then_some(()));
    }

    /// Ends it; returns all spans.
    ///
    /// # Panics
    ///
    /// If it reported a violation.
    pub(super) fn finish(mut self) -> Vec<Span> {
        drop(self.process.handle().stdin.take());
        let status = self.process.wait();
        self.reader.join().expect("a reader does not panic");
        assert!(status.success(), "the collector ended with {status}");
        let mut heard = self.heard.lock().expect("no reader panics");
        assert_eq!(heard.violations, [""; 0]);
        std::mem::take(&mut heard.spans)
    }
}

fn read(stdout: BufReader<ChildStdout>, heard: &Mutex<Heard>) {
    for line in stdout.lines().map_while(Result::ok) {
        let parsed = serde_json::from_str(&line);
        let mut heard = heard.lock().expect("no reader panics");
        match parsed {
            Ok(Line::Span(span)) => heard.spans.push(*span),
            Ok(Line::Violation { violation }) => heard.violations.push(violation),
            Err(error) => heard.violations.push(format!("{error} in {line}")),
        }
    }
}
