//! rotel, an independent collector, and its debug log.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use egret_tests::{Process, Scratch, Traffic, python, until};

use super::receiver::Wire;
use super::{daemon, make, stop};

/// rotel, with its output in a file.
struct Rotel {
    process: Process,
    log: PathBuf,
    endpoints: [String; 2],
    _scratch: Scratch,
}

impl Rotel {
    fn start() -> Self {
        let scratch = Scratch::new();
        let log = scratch.path("rotel.log");
        let addresses = [(); 2].map(|()| free_address());
        let mut command = Command::new(program());
        command.args(["start", "--otlp-grpc-endpoint", &addresses[0], "--otlp-http-endpoint", &addresses[1]]);
        command.args(["--debug-log", "traces", "--debug-log-verbosity", "detailed", "--exporter", "blackhole"]);
        let file = File::create(&log).expect("the scratch directory can be written to");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file can be shared")).stderr(file);
        let process = Process::start(&mut command);
        let endpoints = addresses.map(|address| format!("http://{address}"));
        Self { process, log, endpoints, _scratch: scratch }
    }

    fn endpoint(&self, wire: Wire) -> &str {
        match wire {
            Wire::Grpc => &self.endpoints[0],
            Wire::Http => &self.endpoints[1],
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("rotel writes text")
    }
}

/// rotel cannot choose a port itself.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").to_string()
}

/// The program inside the PyPI package.
fn program() -> PathBuf {
    let ask = "import importlib.util; print(importlib.util.find_spec('rotel').submodule_search_locations[0])";
    let output = Command::new(python()).args(["-c", ask]).output().expect("the interpreter was looked for");
    let directory = String::from_utf8(output.stdout).expect("paths of packages are text");
    PathBuf::from(directory.trim()).join("rotel-agent")
}

/// Both endpoints of a connection are in rotel's log, each with its process.
pub(super) fn streams(wire: Wire) {
    let mut rotel = Rotel::start();
    let daemon = daemon(wire, rotel.endpoint(wire));
    let made = make(Traffic::new(&["tcp-blocking"]));
    for process in made.report.processes() {
        let spans = until("the span in rotel's log", || {
            let log = rotel.log();
            let of_process = log.split("\nSpan #").find(|span| span.contains(&line("process.pid", "Int", process.pid)));
            of_process.map(str::to_owned)
        });
        let flow = &process.total;
        for expected in [
            line("process.executable.path", "Str", &process.exe),
            line("network.local.port", "Int", flow.local().port()),
            line("network.peer.port", "Int", flow.peer().port()),
            line("network.transport", "Str", "tcp"),
        ] {
            assert!(spans.contains(&expected), "{expected} is not in\n{spans}");
        }
    }
    stop(daemon);
    assert_eq!(rotel.process.handle().try_wait().expect("a child can be waited for"), None, "{}", rotel.log());
}

/// An attribute in rotel's format.
fn line(key: &str, kind: &str, value: impl std::fmt::Display) -> String {
    format!("-> {key}: {kind}({value})\n")
}
