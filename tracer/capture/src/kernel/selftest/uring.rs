//! One connect through `io_uring`.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use io_uring::{IoUring, opcode, types};
use nix::sys::socket::{SockaddrIn, SockaddrLike as _};

/// Connects and waits for the result.
///
/// # Errors
///
/// The kernel has no `io_uring`, does not allow it (`kernel.io_uring_disabled`, seccomp), or the connect failed.
pub(super) fn connect(socket: &OwnedFd, address: &SockaddrIn) -> io::Result<()> {
    let explain = |error: io::Error| io::Error::new(error.kind(), format!("io_uring cannot be used: {error}"));
    let mut ring = IoUring::new(2).map_err(explain)?;
    let entry = opcode::Connect::new(types::Fd(socket.as_raw_fd()), address.as_ptr(), address.len()).build();
    // SAFETY: the entry points to `address`, which outlives the ring: that goes when this function ends.
    unsafe { ring.submission().push(&entry) }.map_err(io::Error::other)?;
    ring.submit_and_wait(1).map_err(explain)?;
    let completion = ring.completion().next().ok_or_else(|| io::Error::other("io_uring gave no completion"))?;
    match completion.result() {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno.saturating_neg())),
    }
}
