//! The SSH session that a command was typed in.

use std::env;
use std::fs;

/// What sshd(8) tells its sessions: the client's address and port, and the server's.
const VARIABLE: &str = "SSH_CONNECTION";

/// More ancestors than this has no command.
const ANCESTORS: usize = 64;

/// The session that this process was started in: from its environment, or, since `sudo` drops the variable, from that of an
/// ancestor.
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
