//! Tracing programs: start, readiness and end.

mod configuration;
mod landmark;
mod output;
mod programs;
mod summary;

use std::fs;
use std::io::Read as _;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) use configuration::Configuration;
use landmark::{LANDMARK, Landmark};
pub(crate) use output::{Line, Output};
pub(crate) use programs::Programs;
pub(crate) use summary::Summary;

/// bpftrace compiles its script when it starts: that takes seconds on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// After a storm there may be hundreds of megabytes to write.
const END_WITHIN: Duration = Duration::from_secs(60);

/// A running tracing program, ended when this is dropped.
pub(crate) struct Collector {
    configuration: Configuration,
    child: Child,
    output: Output,
}

impl Collector {
    /// Starts one that writes to a file on tmpfs, and waits until it captures. `None` for untraced.
    pub(crate) fn start(configuration: Configuration, programs: &Programs) -> Result<Option<Self>> {
        Self::start_into(configuration, programs, false)
    }

    /// The same, but into a pipe whose lines are kept with their arrival time.
    pub(crate) fn start_read(configuration: Configuration, programs: &Programs) -> Result<Option<Self>> {
        Self::start_into(configuration, programs, true)
    }

    fn start_into(configuration: Configuration, programs: &Programs, read: bool) -> Result<Option<Self>> {
        let Some(mut command) = configuration.command(programs) else { return Ok(None) };
        let path = programs.scratch().join(configuration.name());
        let stdout = if read { Stdio::piped() } else { fs::File::create(&path)?.into() };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let output = match child.stdout.take() {
            Some(pipe) => Output::of_pipe(pipe),
            None => Output::of_file(path),
        };
        let mut collector = Self { configuration, child, output };
        collector.wait_until_it_sees()?;
        Ok(Some(collector))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written.
    pub(crate) const fn output(&self) -> &Output {
        &self.output
    }

    /// Connects to an address of our own until the output shows it, then waits until no more descriptors (programs,
    /// links, perf events) are added.
    fn wait_until_it_sees(&mut self) -> Result<()> {
        let begin = Instant::now();
        let mut landmark = Landmark::new()?;
        while !self.output.contains(&LANDMARK.to_string()) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}): {}", self.configuration.name(), self.messages().trim());
            }
            if begin.elapsed() > READY_WITHIN {
                bail!("{} saw no connection within {READY_WITHIN:?}", self.configuration.name());
            }
            landmark.show()?;
            thread::sleep(Duration::from_millis(20));
        }
        self.check_layer()?;
        self.wait_until_all_is_attached()
    }

    /// A capture layer that fell back to another one would be measured under a wrong name.
    fn check_layer(&self) -> Result<()> {
        match self.configuration.layer_mark() {
            Some(mark) if !self.output.contains(&mark) => {
                bail!("{} is not what this build captures with", self.configuration.name())
            }
            _ => Ok(()),
        }
    }

    fn wait_until_all_is_attached(&self) -> Result<()> {
        let directory = format!("/proc/{}/fd", self.pid());
        let count =
            || fs::read_dir(&directory).map(Iterator::count).with_context(|| format!("cannot read {directory}"));
        let (mut before, mut same) = (count()?, 0);
        while same < 5 {
            thread::sleep(Duration::from_millis(20));
            let now = count()?;
            same = if now == before { same + 1 } else { 0 };
            before = now;
        }
        Ok(())
    }

    /// Stops it; returns what it reported.
    pub(crate) fn stop(mut self) -> Result<Stopped> {
        kill(self.nix_pid()?, Signal::SIGINT).context("cannot end the tracing program")?;
        let status = self.wait(END_WITHIN)?;
        let messages = self.messages();
        if !status.success() {
            bail!("{} failed ({status}): {}", self.configuration.name(), messages.trim());
        }
        let output = std::mem::take(&mut self.output);
        let mut summary = Summary::read(&messages);
        if self.configuration.is_bpftrace() {
            summary.add_lost(&output.text());
        }
        Ok(Stopped { summary, output })
    }

    fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if begin.elapsed() > limit {
                bail!("{} did not end within {limit:?}", self.configuration.name());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn nix_pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.pid())?))
    }

    /// Its standard error after its end: a few lines, which fit into the pipe.
    fn messages(&mut self) -> String {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            // Unreadable output is only missing from a message.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The results of a tracing program that has ended.
pub(crate) struct Stopped {
    pub(crate) summary: Summary,
    pub(crate) output: Output,
}
