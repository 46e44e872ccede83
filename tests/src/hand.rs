//! A process whose socket a test controls.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;

use crate::child::Process;

/// The result of a command, and the state of the socket after it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// Name of the errno, if the call failed.
    pub error: Option<String>,
    /// Its local address.
    pub local: Option<SocketAddr>,
    /// Its mark (`SO_MARK`).
    pub mark: Option<u32>,
    /// Its cookie (`SO_COOKIE`).
    pub cookie: Option<u64>,
}

/// `egret-traffic hand`, which runs commands on one socket at a time. It ends with the test.
#[derive(Debug)]
pub struct Hand {
    process: Process,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Hand {
    /// Starts it; `command` runs the generator.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command.arg("hand").stdin(Stdio::piped()).stdout(Stdio::piped()));
        let stdin = process.handle().stdin.take().expect("asked for");
        let stdout = BufReader::new(process.handle().stdout.take().expect("asked for"));
        Self { process, stdin, stdout }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Runs a command; returns its result.
    ///
    /// # Panics
    ///
    /// If the command is unknown.
    pub fn run(&mut self, command: &str) -> Answer {
        writeln!(self.stdin, "{command}").expect("it reads commands");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it writes text");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{command:?} is answered by {line:?}: {error}"))
    }

    /// The same for a command that must succeed. A connect in progress counts as success.
    ///
    /// # Panics
    ///
    /// If the call fails.
    pub fn make(&mut self, command: &str) -> Answer {
        let answer = self.run(command);
        let fine = answer.error.as_deref().is_none_or(|error| error == "EINPROGRESS");
        assert!(fine, "{command:?}: {answer:?}");
        answer
    }
}
