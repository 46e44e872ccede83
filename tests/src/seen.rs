//! The complete output of a trace.

use std::os::fd::AsFd;
use std::process::ExitStatus;

use crate::{Event, Report};

/// The line `captured=N delivered=N lost=N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Records that the kernel side attempted to write.
    pub captured: u64,
    /// Records that were read and delivered.
    pub delivered: u64,
    /// Records that were lost.
    pub lost: u64,
}

impl Sum {
    /// Finds the tally on standard error.
    ///
    /// # Panics
    ///
    /// If there is not exactly one, it is not last, or its figures do not add up.
    #[must_use]
    pub fn of(stderr: &str) -> Self {
        let lines: Vec<_> = stderr.lines().filter(|line| line.starts_with("captured=")).collect();
        assert_eq!(lines, stderr.lines().last().as_slice(), "one sum, as the last line, of\n{stderr}");
        let sum = read(lines.first().unwrap_or(&""));
        assert_eq!(sum.captured, sum.delivered + sum.lost, "{sum:?}\n{stderr}");
        sum
    }
}

fn read(line: &str) -> Sum {
    let mut words = line.split(' ');
    let mut figure = |name: &str| {
        let word = words.next().and_then(|word| word.strip_prefix(name)?.strip_prefix('='));
        word.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {line:?}"))
    };
    Sum { captured: figure("captured"), delivered: figure("delivered"), lost: figure("lost") }
}

/// A trace that has ended.
#[derive(Debug)]
pub struct Seen {
    /// In the order of the output.
    pub events: Vec<Event>,
    /// All of standard error.
    pub stderr: String,
    /// How the program ended.
    pub status: ExitStatus,
    /// The final tally.
    pub sum: Sum,
}

impl Seen {
    /// Events of a socket.
    #[must_use]
    pub fn of_socket(&self, cookie: u64) -> Vec<&Event> {
        self.events.iter().filter(|event| event.cookie() == cookie).collect()
    }

    /// Events of a process id.
    #[must_use]
    pub fn of_pid(&self, pid: u32) -> Vec<&Event> {
        self.events.iter().filter(|event| event.pid == Some(pid)).collect()
    }

    /// Events of any process of a report.
    #[must_use]
    pub fn of_report(&self, report: &Report) -> Vec<&Event> {
        let pids: Vec<_> = report.processes().iter().map(|process| Some(process.pid)).collect();
        self.events.iter().filter(|event| pids.contains(&event.pid)).collect()
    }
}

/// The kernel's cookie of a socket. Unlike a local port, it is unique.
///
/// # Panics
///
/// If the kernel does not report it.
#[must_use]
pub fn cookie_of(socket: &impl AsFd) -> u64 {
    rustix::net::sockopt::socket_cookie(socket).unwrap()
}
