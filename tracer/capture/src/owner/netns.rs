//! The network namespace that is enforced.

use std::io;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// `SO_NETNS_COOKIE` of include/uapi/asm-generic/socket.h, Linux 5.14.
const SO_NETNS_COOKIE: libc::c_int = 71;
const COOKIE_BYTES: libc::socklen_t = 8;

/// Cookie of the calling thread's network namespace, as hooks see it: unlike an inode number unique since boot.
pub(super) fn own_cookie() -> io::Result<u64> {
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut cookie = 0_u64;
    let mut length = COOKIE_BYTES;
    // SAFETY: the kernel writes at most `length` bytes to `cookie`, which is that long; the descriptor is open.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{in_namespace, namespaces};
    use crate::host::test_support::{NetworkNamespace, skip_unless_root};

    #[test]
    fn namespaces_have_different_cookies() {
        if skip_unless_root("another network namespace") {
            return;
        }
        let other = NetworkNamespace::new();
        let found = namespaces().unwrap().into_iter().find(|found| found.inode == other.inode).unwrap();
        let cookie = own_cookie().unwrap();
        assert_ne!(cookie, 0);
        assert_eq!(own_cookie().unwrap(), cookie);
        assert_ne!(in_namespace(&found, || own_cookie().unwrap()).unwrap(), cookie);
    }
}
