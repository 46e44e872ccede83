//! Checks which processes can be read.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use egret_capture::{Probe, Support};
use egret_model::{Degradation, Layer};

use super::check::{Check, Status};

/// Reads every process, as the search for the owner of a socket does.
pub(super) fn check(probe: &Probe) -> Check {
    let (all, refused) = count();
    let tried = format!("{} of {all} processes are readable", all - refused);
    let (status, detail) = match &probe.processes {
        // Some processes are never readable, such as those with a capability that this root does not have.
        Support::Yes(_) => (Status::Ok, tried),
        Support::No(_) if refused == 0 => (Status::Ok, tried),
        Support::No(missing) => (Status::Missing, format!("{tried}; {missing}")),
    };
    Check::new(Layer::Procfs, "processes", status, detail).without(Degradation::OwnProcessesOnly)
}

/// The number of processes, and of those that cannot be read.
fn count() -> (usize, usize) {
    let Ok(entries) = fs::read_dir("/proc") else { return (0, 0) };
    let is_process =
        |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    let processes = entries.flatten().map(|entry| entry.path()).filter(|path| is_process(path));
    processes.fold((0, 0), |(all, refused), path| (all + 1, refused + usize::from(refuses(&path))))
}

/// Whether access is denied. A process that has ended and a kernel thread do not deny it.
fn refuses(process: &Path) -> bool {
    let answers = [fs::read_dir(process.join("fd")).map(drop), fs::read_link(process.join("exe")).map(drop)];
    answers.iter().any(|answer| answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied))
}
