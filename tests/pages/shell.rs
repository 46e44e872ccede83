//! One shell for all commands of a page, which leaves nothing behind.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use egret_tests::{Process, Scratch, egret};

use crate::console::Step;

/// Private mounts: `/tmp`, `/run/netns` and `/run/egret` are empty, and removed with the shell.
const PLACE: &str =
    "mount -t tmpfs tmpfs /tmp && mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && exec \"$@\"";
/// Enables job control, and kills the jobs when the shell ends.
const BEGIN: &str = "set -m; trap 'for job in $(jobs -p); do kill -- -$job; done' EXIT; trap exit TERM\n";
/// Seconds; shorter than the timeout of a test, which would kill the shell but not its children.
const PATIENCE: &str = "45";

/// The output of each command, standard output and standard error.
pub(crate) fn run(steps: &[Step]) -> Vec<String> {
    // Not below /tmp, which is private to the shell.
    let scratch = Scratch::new();
    let outputs = Path::new("/dev/shm").join(scratch.path("").file_name().expect("it has a name"));
    fs::create_dir(&outputs).expect("there is a tmpfs for shared memory");
    let mut script = BEGIN.to_owned();
    for (number, Step { command, .. }) in steps.iter().enumerate() {
        let _ = writeln!(script, "exec > {}/{number} 2>&1\n{command}", outputs.display());
    }
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "--", "sh", "-c", PLACE, "sh", "timeout", PATIENCE, "bash", "-c", &script]);
    let mut path = egret().parent().expect("a program is in a directory").as_os_str().to_owned();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    shell.env("PATH", path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::start(&mut shell).wait();
    let read = |number: usize| fs::read_to_string(outputs.join(number.to_string())).unwrap_or_default();
    let answers = (0..steps.len()).map(read).collect();
    let _ = fs::remove_dir_all(outputs);
    answers
}
