//! A running `egret run`, isolated from all others on this host.

mod account;
mod output;
mod setup;

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::Signal;
use serde_json::Value;

pub use account::SinkAccount;
use account::last_words;
use output::{Output, listen, reader};
pub use setup::Setup;

use crate::child::{Process, until};
use crate::{Event, Report, Sum, egret};

/// A running daemon, killed if the test ends first.
#[derive(Debug)]
pub struct Daemon {
    setup: Setup,
    process: Process,
    output: Arc<Mutex<Output>>,
    readers: Vec<JoinHandle<()>>,
}

impl Daemon {
    pub(super) fn start(setup: Setup, mut command: Command) -> Self {
        let notify = setup.path("notify");
        let _ = std::fs::remove_file(&notify);
        let notifications = UnixDatagram::bind(&notify).expect("the directory is ours");
        crate::scratch::open_to_all(&notify);
        command.env("NOTIFY_SOCKET", &notify).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(&mut command);
        let output = Arc::new(Mutex::new(Output::default()));
        let (stdout, stderr) = (process.handle().stdout.take(), process.handle().stderr.take());
        let readers = vec![
            reader(&output, stdout.expect("asked for"), |output, bytes| output.stdout.extend_from_slice(bytes)),
            reader(&output, stderr.expect("asked for"), |output, bytes| {
                output.stderr.push_str(&String::from_utf8_lossy(bytes));
            }),
        ];
        listen(&output, notifications);
        Self { setup, process, output, readers }
    }

    /// Its files.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Changes an option in its configuration, which `SIGHUP` applies if possible.
    pub fn change(&mut self, key: &str, value: &str) {
        self.setup.options.insert(key.to_owned(), value.to_owned());
        self.setup.write();
    }

    /// Makes it read its configuration again, and waits for that.
    pub fn reload(&self) {
        let before = self.notifications().len();
        self.signal(Signal::SIGHUP);
        until("the end of a reload", || {
            let after = self.notifications().split_off(before);
            let began = after.iter().position(|output| output.contains("RELOADING=1"))?;
            after[began..].iter().any(|output| output.contains("READY=1")).then_some(())
        });
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Notifications that it has sent to the service manager so far.
    #[must_use]
    pub fn notifications(&self) -> Vec<String> {
        self.read(|output| output.notifications.clone())
    }

    /// Waits for a notification that contains this text.
    ///
    /// # Panics
    ///
    /// If it ends instead.
    pub fn wait_for_notification(&self, text: &str) {
        until(&format!("the notification {text}"), || {
            let is_sent = self.notifications().iter().any(|state| state.contains(text));
            assert!(is_sent || self.runs(), "egret has ended: {}", self.stderr());
            is_sent.then_some(())
        });
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    /// Its standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.read(|output| output.stderr.clone())
    }

    /// Waits for a text on standard error.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn wait_for_stderr(&self, word: &str) {
        until(&format!("{word:?} on standard error"), || self.stderr().contains(word).then_some(()));
    }

    /// Its standard output so far.
    #[must_use]
    pub fn stdout(&self) -> Vec<u8> {
        self.read(|output| output.stdout.clone())
    }

    fn read<T>(&self, read: impl FnOnce(&Output) -> T) -> T {
        read(&self.output.lock().expect("no reader panics"))
    }

    /// The output of `egret status --json`.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    #[must_use]
    pub fn status(&self) -> Value {
        let output = self.ask(&["status", "--json"]).output().expect("egret can be run");
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), self.stderr());
        serde_json::from_slice(&output.stdout).expect("a status is JSON")
    }

    /// A command of egret that queries this daemon.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(egret());
        command.args(arguments).arg("--socket").arg(self.setup.socket()).stdin(Stdio::null());
        command
    }

    /// The account of a sink.
    ///
    /// # Panics
    ///
    /// If there is no such sink, or its account does not add up.
    #[must_use]
    pub fn sink(&self, name: &str) -> SinkAccount {
        let status = self.status();
        let sinks = status["sinks"].as_array().expect("a status lists sinks");
        let found = sinks.iter().find(|sink| sink["name"] == name);
        SinkAccount::read(found.unwrap_or_else(|| panic!("no sink {name} in {status}")))
    }

    /// Waits until a sink's account fulfils a condition.
    pub fn wait_for_sink(&self, name: &str, condition: impl Fn(&SinkAccount) -> bool) -> SinkAccount {
        until(&format!("the account of {name}"), || {
            let account = self.sink(name);
            condition(&account).then_some(account)
        })
    }

    /// Waits until its first file of JSON lines has the close of every connection in a report.
    pub fn wait_for_lines(&self, report: &Report) -> Vec<Event> {
        let flows = report.processes().into_iter().flat_map(Report::flows);
        let cookies: Vec<u64> = flows.filter(|flow| flow.errno.is_none()).filter_map(|flow| flow.cookie).collect();
        until("the ends of all connections", || {
            let events = self.setup.events(&self.setup.lines());
            let is_closed =
                |cookie: &u64| events.iter().any(|event| event.name == "connection.close" && event.cookie() == *cookie);
            cookies.iter().all(is_closed).then_some(events)
        })
    }

    /// The address of its metrics, such as `127.0.0.1:41234`.
    #[must_use]
    pub fn metrics(&self) -> String {
        let status = self.status();
        status["listening"]["metrics"].as_str().unwrap_or_else(|| panic!("no metrics in {status}")).to_owned()
    }

    /// Stops it with `SIGTERM`, and waits.
    #[must_use]
    pub fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.finish()
    }

    /// Ends it with `SIGKILL`; its setup can be started again.
    #[must_use]
    pub fn kill(mut self) -> Setup {
        self.signal(Signal::SIGKILL);
        let _ = self.process.wait();
        self.close();
        self.setup
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// If its final accounts do not add up.
    #[must_use]
    pub fn finish(mut self) -> Ended {
        let status = self.process.wait();
        self.close();
        let Output { stdout, stderr, notifications, .. } =
            std::mem::take(&mut *self.output.lock().expect("no reader panics"));
        let sum = Sum::of(&stderr);
        let sinks = stderr.lines().filter_map(last_words).collect();
        Ended { setup: self.setup, status, stdout, stderr, notifications, sum, sinks }
    }

    fn close(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
        self.output.lock().expect("no reader panics").over = true;
    }
}

/// A daemon that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its setup, which can be started again.
    pub setup: Setup,
    /// How it ended.
    pub status: ExitStatus,
    /// All of standard output.
    pub stdout: Vec<u8>,
    /// All of standard error.
    pub stderr: String,
    /// The notifications that it sent to the service manager.
    pub notifications: Vec<String>,
    /// Its final tally.
    pub sum: Sum,
    /// Its final lines about sinks: enqueued, sent, dropped, queued.
    pub sinks: BTreeMap<String, [u64; 4]>,
}
