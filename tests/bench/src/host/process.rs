//! Resources of processes, and CPUs of threads.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// CPU time of all current threads of a process, from the scheduler (`/proc/PID/task/TID/schedstat`): nanoseconds,
/// while `/proc/PID/stat` counts ticks.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let directory = format!("/proc/{pid}/task");
    let mut sum = 0;
    for task in fs::read_dir(&directory).with_context(|| format!("cannot read {directory}"))? {
        // A thread may end after it was listed.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        sum += text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(sum))
}

/// CPU time of all children that have been waited for.
pub(crate) fn cpu_of_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let of = |time: nix::sys::time::TimeVal| {
        let micros = time.tv_sec().saturating_mul(1_000_000).saturating_add(time.tv_usec());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    Ok(of(usage.user_time()) + of(usage.system_time()))
}

/// Proportional set size of a process, bytes: pages shared with others count in part.
pub(crate) fn proportional_memory(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss in smaps_rollup")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().context("Pss is not a number")?;
    Ok(kibibytes * 1024)
}

/// Peak memory of a process so far, bytes, including all shared pages.
pub(crate) fn peak_memory(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in status")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmHWM is not a number")?;
    Ok(kibibytes * 1024)
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Lets the calling thread run on one CPU only.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot run on CPU {cpu}"))
}

/// Lines of a file that may exceed the memory.
pub(crate) fn file_lines(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut lines = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        let newlines = buffer.iter().take(read).filter(|byte| **byte == b'\n').count();
        lines += u64::try_from(newlines).unwrap_or(0);
    }
}
