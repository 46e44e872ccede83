//! A separate network namespace for this process.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use socket2::{Domain, Socket, Type};

use crate::options::Options;
use crate::report::Report;
use crate::ways::Way;

/// Settings of the new namespace: every user may open ping sockets, and TCP fast open works for client and server,
/// with and without a cookie.
const SETTINGS: [(&str, &str); 2] = [
    ("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"),
    ("/proc/sys/net/ipv4/tcp_fastopen", "1543"), // 0x607
];

/// Inode number of the namespace that this thread is in, zero if that cannot be read.
pub(crate) fn inode() -> u64 {
    std::fs::metadata("/proc/thread-self/ns/net").map_or(0, |meta| meta.ino())
}

/// Moves this process, which must have one thread, into a new namespace with loopback only.
pub(crate) fn enter() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("cannot unshare the network namespace")?;
    loopback_up().context("cannot bring loopback up")?;
    for (path, value) in SETTINGS {
        std::fs::write(path, value).with_context(|| format!("cannot write {path}"))?;
    }
    Ok(())
}

/// The way `netns`: `--inner` in a new namespace.
pub(crate) fn run(options: &Options) -> Result<Option<Report>> {
    anyhow::ensure!(options.inner != Way::Netns, "--inner netns is this way again");
    enter()?;
    let report = options.inner.run(options)?;
    Ok(report.map(|report| report.detail("inner", options.inner.name())))
}

fn loopback_up() -> Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    // SAFETY: all zeroes is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = libc::c_char::try_from(*from)?;
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP)?;
    // SAFETY: the request is a complete `ifreq` that lives through the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error().into()),
    }
}
