//! Child processes that do not outlive their test.

use std::process::{Child, Command, ExitStatus, Output};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Standard output of a command.
///
/// # Panics
///
/// If it fails, or writes what is not UTF-8.
pub fn stdout_of(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [stdout, stderr] = [stdout, stderr].map(String::from_utf8);
    assert!(status.success(), "{command:?}: {status}: {stdout:?} {stderr:?}");
    stdout.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Longest wait for anything: far more than a busy machine needs, short enough to detect a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two polls of a condition.
const LOOK: Duration = Duration::from_millis(2);

/// Polls until `condition` returns a value; `what` describes it.
///
/// # Panics
///
/// After [`PATIENCE`].
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain for {what}");
        thread::sleep(LOOK);
    }
}

/// A child process, killed and reaped if the test ends before it does.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it. It has executed its program on return.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display())))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The standard library's handle, for its pipes.
    pub fn handle(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("process ids are positive"));
        kill(pid, signal).expect("a child that was not waited for can be signalled");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let pid = self.pid();
        until(&format!("the end of process {pid}"), || self.0.try_wait().expect("a child can be waited for"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
