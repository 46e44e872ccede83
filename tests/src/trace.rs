//! A running `egret trace --format json`.

use std::collections::HashSet;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use nix::sys::signal::Signal;

use crate::child::{PATIENCE, Process};
use crate::{Event, Namespace, Report, Seen, Sum, egret};

/// The message, with `EGRET_LOG=info`, once all hooks are attached.
const READY: &str = "capture started";

/// The output so far.
#[derive(Default)]
struct Progress {
    /// Lines not yet parsed: a slow reader would block the program.
    fresh: Vec<u8>,
    events: Vec<Event>,
    /// Sockets whose close was reported.
    closed: HashSet<u64>,
    stderr: String,
    /// Lines that are not events.
    nonsense: Vec<String>,
    /// The number of outputs that have ended.
    ended: u8,
}

impl Progress {
    /// Parses the complete lines.
    fn parse(&mut self) {
        let end = self.fresh.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let rest = self.fresh.split_off(end);
        let fresh = std::mem::replace(&mut self.fresh, rest);
        fresh.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(|line| self.line(line));
    }

    fn line(&mut self, line: &[u8]) {
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => {
                if event.name == "connection.close" {
                    self.closed.insert(event.cookie());
                }
                self.events.push(event);
            }
            Err(error) => self.nonsense.push(format!("{error}: {}", String::from_utf8_lossy(line))),
        }
    }
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().expect("no reader panics"));
        self.changed.notify_all();
    }

    /// Waits until the condition holds, or the output has ended; returns whether it holds.
    fn wait(&self, condition: impl Fn(&Progress) -> bool) -> bool {
        let progress = self.progress.lock().expect("no reader panics");
        let pending = |progress: &mut Progress| {
            progress.parse();
            progress.ended < 2 && !condition(progress)
        };
        let (progress, _) = self.changed.wait_timeout_while(progress, PATIENCE, pending).expect("no reader panics");
        condition(&progress)
    }
}

/// A running trace, which reports every event after [`Self::start`] returns.
pub struct Trace {
    process: Process,
    shared: Arc<Shared>,
    readers: [JoinHandle<()>; 2],
}

impl Trace {
    /// Starts it with further arguments, and waits until it captures.
    ///
    /// # Panics
    ///
    /// If it ends instead.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_unready(arguments).ready()
    }

    /// Starts it in a network namespace, and waits until it captures.
    ///
    /// # Panics
    ///
    /// If it ends instead.
    #[must_use]
    pub fn start_in(namespace: &Namespace, arguments: &[&str]) -> Self {
        let program = egret();
        let program = program.to_str().expect("the path of a build is text");
        Self::run(namespace.command(program), arguments).ready()
    }

    fn ready(self) -> Self {
        let ready = self.shared.wait(|progress| progress.stderr.contains(READY));
        assert!(ready, "egret does not start to capture: {}", self.shared.progress.lock().expect("no panic").stderr);
        self
    }

    /// Starts it without waiting.
    #[must_use]
    pub fn start_unready(arguments: &[&str]) -> Self {
        Self::run(Command::new(egret()), arguments)
    }

    fn run(mut command: Command, arguments: &[&str]) -> Self {
        command.args(["trace", "--format", "json"]).args(arguments).env("EGRET_LOG", "info");
        let mut process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let shared = Arc::new(Shared::default());
        let stdout = process.handle().stdout.take().expect("asked for");
        let stderr = process.handle().stderr.take().expect("asked for");
        let readers = [
            reader(&shared, stdout, |progress, bytes| progress.fresh.extend_from_slice(bytes)),
            reader(&shared, stderr, |progress, bytes| progress.stderr.push_str(&String::from_utf8_lossy(bytes))),
        ];
        Self { process, shared, readers }
    }

    /// The program itself.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until the events so far fulfil a condition; returns whether they do.
    #[must_use]
    pub fn wait_for(&self, condition: impl Fn(&[Event]) -> bool) -> bool {
        self.shared.wait(|progress| condition(&progress.events))
    }

    /// Evaluates the events so far.
    #[must_use]
    pub fn sees<T>(&self, read: impl FnOnce(&[Event]) -> T) -> T {
        let mut progress = self.shared.progress.lock().expect("no reader panics");
        progress.parse();
        read(&progress.events)
    }

    /// Stops it with `SIGINT`.
    #[must_use]
    pub fn stop(self) -> Seen {
        self.process.signal(Signal::SIGINT);
        self.finish()
    }

    /// Stops it once it has reported the close of every connection in a report: the last packets of a connection may
    /// still be on their way when its process has ended.
    #[must_use]
    pub fn stop_after(self, report: &Report) -> Seen {
        let flows = report.processes().into_iter().flat_map(Report::flows);
        let cookies: Vec<u64> = flows.filter(|flow| flow.errno.is_none()).filter_map(|flow| flow.cookie).collect();
        if !self.shared.wait(|progress| cookies.iter().all(|cookie| progress.closed.contains(cookie))) {
            eprintln!("not every connection of {} has ended", report.way);
        }
        self.stop()
    }

    /// Waits until it ends.
    ///
    /// # Panics
    ///
    /// If it wrote a line that is not an event, or a tally that does not add up.
    #[must_use]
    pub fn finish(mut self) -> Seen {
        let status = self.process.wait();
        for reader in self.readers {
            reader.join().expect("no reader panics");
        }
        let mut progress = std::mem::take(&mut *self.shared.progress.lock().expect("no reader panics"));
        progress.parse();
        assert!(progress.fresh.is_empty(), "a torn line: {}", String::from_utf8_lossy(&progress.fresh));
        assert!(progress.nonsense.is_empty(), "no events: {:#?}", progress.nonsense);
        let sum = Sum::of(&progress.stderr);
        Seen { events: progress.events, stderr: progress.stderr, status, sum }
    }
}

fn reader(
    shared: &Arc<Shared>,
    mut pipe: impl Read + Send + 'static,
    note: impl Fn(&mut Progress, &[u8]) + Send + 'static,
) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            shared.change(|progress| note(progress, &buffer[..length]));
        }
        shared.change(|progress| progress.ended += 1);
    })
}
