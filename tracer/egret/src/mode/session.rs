//! The SSH session of this process.

use std::env;
use std::fs;

/// Set by sshd(8): the client's address and port, and the server's.
const VARIABLE: &str = "SSH_CONNECTION";

/// Most ancestors to search.
const ANCESTORS: usize = 64;

/// The session from the environment of this process or, because `sudo` removes the variable, of an ancestor.
pub(super) fn of_this_process() -> Option<String> {
    env::var(VARIABLE).ok().or_else(|| ancestors().find_map(of))
}

fn ancestors() -> impl Iterator<Item = u32> {
    let parent = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
        (parent > 1).then_some(parent)
    };
    std::iter::successors(parent(std::process::id()), move |pid| parent(*pid)).take(ANCESTORS)
}

fn of(pid: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let is_it = |variable: &&[u8]| variable.starts_with(VARIABLE.as_bytes());
    let variable = environment.split(|byte| *byte == 0).find(is_it)?;
    String::from_utf8_lossy(variable).split_once('=').map(|(_, value)| value.to_owned())
}
