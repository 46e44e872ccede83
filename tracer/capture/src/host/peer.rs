//! The peer of a Unix socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Groups that the first call has room for; few users have more.
const USUAL: usize = 32;

/// The supplementary groups that the peer had when it connected (`SO_PEERGROUPS`, Linux 4.13). Unlike a look-up of
/// the user's groups this takes no directory service, and unlike `/proc/PID/status` it cannot be that of another
/// process.
///
/// # Errors
///
/// The socket has no such peer.
pub fn peer_groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; USUAL];
    loop {
        match read_groups(socket, &mut groups) {
            Ok(count) => {
                groups.truncate(count);
                return Ok(groups);
            }
            Err((error, count)) if error.raw_os_error() == Some(libc::ERANGE) && count > groups.len() => {
                groups.resize(count, 0);
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Fills `groups`; returns how many there are, also if they do not fit.
fn read_groups(socket: &impl AsFd, groups: &mut [libc::gid_t]) -> Result<usize, (io::Error, usize)> {
    const ENTRY: usize = size_of::<libc::gid_t>();
    let Ok(mut length) = libc::socklen_t::try_from(size_of_val(groups)) else {
        return Err((io::ErrorKind::InvalidInput.into(), 0));
    };
    // SAFETY: the kernel writes at most `length` bytes, which is the size of the slice, and any bytes are group ids.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    let count = usize::try_from(length).unwrap_or(0) / ENTRY;
    if result == 0 { Ok(count) } else { Err((io::Error::last_os_error(), count)) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn peer_of_a_pair_has_the_groups_of_this_process() {
        let (one, _other) = UnixStream::pair().unwrap();
        let mut found = peer_groups(&one).unwrap();
        let mut ours: Vec<u32> = nix::unistd::getgroups().unwrap().into_iter().map(nix::unistd::Gid::as_raw).collect();
        found.sort_unstable();
        ours.sort_unstable();
        assert_eq!(found, ours);
    }

    #[test]
    fn number_of_groups_is_returned_if_they_do_not_fit() {
        let (one, _other) = UnixStream::pair().unwrap();
        let found = peer_groups(&one).unwrap();
        // As if there were more than `USUAL`.
        if let Err((error, count)) = read_groups(&one, &mut []) {
            assert_eq!((error.raw_os_error(), count), (Some(libc::ERANGE), found.len()));
        } else {
            assert!(found.is_empty());
        }
    }

    #[test]
    fn file_has_no_peer() {
        assert!(peer_groups(&std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
