//! Traffic whose process and ports are known.

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::Value;

use crate::environment::{Environment, Installed, Ran};

/// Traces a shell that prints its process id, connects to a listener of ours, sends three bytes, and ends; returns
/// the run, the shell's process id and the listener's port.
pub(crate) fn trace_connect(environment: &Environment, egret: &Installed, options: &[&str]) -> (Ran, u64, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("echo shell=$$ >&2; exec 3<>/dev/tcp/127.0.0.1/{port}; echo hi >&3");
    let arguments = [&["trace", "--format", "json"], options, &["--", "bash", "-c", &script]].concat();
    let ran = environment.run(egret, &arguments);
    let pid = ran.stderr.lines().find_map(|line| line.strip_prefix("shell=")).and_then(|pid| pid.parse().ok());
    let Some(pid) = pid else { panic!("the shell did not run: {ran}") };
    (ran, pid, port)
}

/// Traces until a shell outside the trace, which prints its process id, has connected to a listener of ours; returns
/// the same.
pub(crate) fn trace_beside(environment: &Environment, egret: &Installed, options: &[&str]) -> (Ran, u64, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let wanted = format!("--port={port}");
    let arguments = [&["trace", "--format", "json", "--no-standing", &wanted], options].concat();
    let mut shell = 0;
    let ran = environment.run_until_first_line(egret, &arguments, || {
        let script = format!("echo $$; exec 3<>/dev/tcp/127.0.0.1/{port}");
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        shell = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    });
    (ran, shell, port)
}

/// The one event of this name with this peer port.
pub(crate) fn opened(ran: &Ran, port: u16) -> Value {
    let is = |event: &Value| event["event.name"] == "connection.open" && event["network.peer.port"] == port;
    let found: Vec<Value> = ran.events().into_iter().filter(is).collect();
    assert_eq!(found.len(), 1, "connections to port {port}: {ran}");
    found.into_iter().next().unwrap()
}

/// A connection within this process that is open as long as this value lives.
pub(crate) struct Preexisting {
    _listener: TcpListener,
    client: TcpStream,
}

impl Preexisting {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self { _listener: listener, client }
    }

    /// The port of the listener.
    pub(crate) fn port(&self) -> u16 {
        self.client.peer_addr().unwrap().port()
    }
}
