//! Runs the traffic generator.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use crate::child::Process;
use crate::{Namespace, Report, traffic};

/// A command of the generator.
#[derive(Debug)]
pub struct Traffic(Command);

impl Traffic {
    /// One kind of traffic, with its options.
    #[must_use]
    pub fn new(arguments: &[&str]) -> Self {
        Self::by(&traffic(), arguments)
    }

    /// The same by a copy of the generator.
    #[must_use]
    pub fn by(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command)
    }

    /// The same in a namespace.
    #[must_use]
    pub fn inside(namespace: &Namespace, program: &Path, arguments: &[&str]) -> Self {
        let mut command = namespace.command(&program.to_string_lossy());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command)
    }

    /// As another user and group.
    #[must_use]
    pub fn user(mut self, id: u32) -> Self {
        self.0.uid(id).gid(id);
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(self) -> Report {
        self.start().go()
    }

    /// Starts it. With `--wait-stdin` it does nothing before [`Waiting::go`].
    #[must_use]
    pub fn start(mut self) -> Waiting {
        Waiting { process: Process::start(&mut self.0) }
    }
}

/// A run of the generator under way.
#[derive(Debug)]
pub struct Waiting {
    process: Process,
}

impl Waiting {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends its standard input, and waits for its report.
    ///
    /// # Panics
    ///
    /// If it fails.
    #[must_use]
    pub fn go(mut self) -> Report {
        drop(self.process.handle().stdin.take());
        let mut text = String::new();
        let stdout = self.process.handle().stdout.take();
        stdout.expect("asked for").read_to_string(&mut text).expect("the generator writes text");
        let status = self.process.wait();
        assert!(status.success(), "the generator ended with {status}");
        Report::read(&text)
    }
}

/// The generator as a server that listens.
#[derive(Debug)]
pub struct Server {
    process: Process,
    stdout: BufReader<ChildStdout>,
    /// Where.
    pub address: SocketAddr,
}

impl Server {
    /// Starts one at any port of `address`, and waits until it listens.
    #[must_use]
    pub fn start(serve: &str, address: &str) -> Self {
        Self::by(&traffic(), serve, address)
    }

    /// The same by a copy of the generator.
    #[must_use]
    pub fn by(program: &Path, serve: &str, address: &str) -> Self {
        let Traffic(mut command) =
            Traffic::by(program, &["server", "--serve", serve, "--listen", &format!("{address}:0")]);
        let mut process = Process::start(&mut command);
        let mut stdout = BufReader::new(process.handle().stdout.take().expect("asked for"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the generator writes text");
        let addresses: Vec<SocketAddr> = serde_json::from_str(&line).expect("a server says where it listens");
        Self { process, stdout, address: *addresses.first().expect("one address") }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Lets it end, and returns its report.
    ///
    /// # Panics
    ///
    /// If it fails.
    #[must_use]
    pub fn finish(mut self) -> Report {
        drop(self.process.handle().stdin.take());
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the generator writes text");
        let status = self.process.wait();
        assert!(status.success(), "the server ended with {status}");
        Report::read(&line)
    }
}
