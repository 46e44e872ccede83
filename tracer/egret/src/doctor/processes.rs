//! Whose descriptors can be read.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use egret_capture::{Probe, Support};
use egret_model::{Degradation, Layer};

use super::check::{Check, Status};

/// Tries every process, as the search for the holder of a socket does.
pub(super) fn check(probe: &Probe) -> Check {
    let (all, refused) = count();
    let tried = format!("{} of {all} processes can be read", all - refused);
    let (status, detail) = match &probe.processes {
        // Some stay closed to everybody, such as those with a capability that root here has not.
        Support::Yes(_) => (Status::Ok, tried),
        Support::No(_) if refused == 0 => (Status::Ok, tried),
        Support::No(missing) => (Status::Missing, format!("{tried}; {missing}")),
    };
    Check::new(Layer::Procfs, "processes", status, detail).without(Degradation::OwnProcessesOnly)
}

/// How many processes there are, and how many refuse.
fn count() -> (usize, usize) {
    let Ok(entries) = fs::read_dir("/proc") else { return (0, 0) };
    let is_process =
        |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    let processes = entries.flatten().map(|entry| entry.path()).filter(|path| is_process(path));
    processes.fold((0, 0), |(all, refused), path| (all + 1, refused + usize::from(refuses(&path))))
}

/// A process that ends meanwhile, and a kernel thread, do not refuse.
fn refuses(process: &Path) -> bool {
    let answers = [fs::read_dir(process.join("fd")).map(drop), fs::read_link(process.join("exe")).map(drop)];
    answers.iter().any(|answer| answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied))
}
