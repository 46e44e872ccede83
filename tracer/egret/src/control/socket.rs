//! The socket as a file: one daemon to a socket, and nobody else at it.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Group, chown};

/// What keeps others from making a socket at all but egret's own user and group.
const PRIVATE: Mode = Mode::from_bits_truncate(0o117);
/// The directory of the socket, if egret has to make it: who may use the socket must get to it.
const DIRECTORY: u32 = 0o755;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// Another daemon has it.
    #[error(
        "another egret{holder} runs on {socket} already; stop it, or give this one its own control.socket",
        socket = socket.display()
    )]
    Taken {
        /// The socket.
        socket: PathBuf,
        /// Who, if it is known.
        holder: String,
    },
    /// Something else is where it should be.
    #[error("cannot make the control socket {path}: there is something else", path = .0.display())]
    Occupied(PathBuf),
    /// There is no such group.
    #[error("there is no group {0:?} to give the control socket to")]
    NoGroup(String),
    /// The system refuses.
    #[error("cannot make {what} {path}: {error}", path = path.display())]
    Refused {
        /// What was to be made.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// Holds a socket's path for this daemon, by a lock on a file beside it that ends with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Guard {
    socket: PathBuf,
    lock: File,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing it is not enough: whoever looks at this process's files at that moment holds it for a little longer.
        let _ = self.lock.unlock();
    }
}

impl Guard {
    /// Takes it, or tells who has it.
    pub(crate) fn take(socket: &Path) -> Result<Self, SocketError> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let refused = |what, path: &Path| {
            let path = path.to_owned();
            move |error| SocketError::Refused { what, path, error }
        };
        if let Some(directory) = socket.parent() {
            let made = DirBuilder::new().recursive(true).mode(DIRECTORY).create(directory);
            made.map_err(refused("the directory of the control socket", directory))?;
        }
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut lock = opened.map_err(refused("the lock", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SocketError::Taken { socket: socket.to_owned(), holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(refused("the lock", &path)(error)),
        }
        // Who holds the lock is told to people only.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self { socket: socket.to_owned(), lock })
    }
}

fn holder(lock: &mut File) -> String {
    let mut pid = String::new();
    let read = lock.read_to_string(&mut pid);
    let pid = pid.trim();
    if read.is_ok() && !pid.is_empty() { format!(", process {pid},") } else { String::new() }
}

/// The socket, removed when egret ends.
#[derive(Debug)]
pub(crate) struct Socket {
    guard: Guard,
    /// What comes in.
    pub(crate) listener: UnixListener,
}

impl Socket {
    /// Makes it for egret's own user and, if given, a group. One that a killed daemon left behind is replaced.
    ///
    /// Changes the process's file mode mask for a moment: nothing else may make files meanwhile.
    pub(crate) fn listen(guard: Guard, group: Option<Gid>) -> Result<Self, SocketError> {
        let path = &guard.socket;
        let refused = |error| SocketError::Refused { what: "the control socket", path: path.clone(), error };
        remove_stale(path).map_err(refused)?;
        let before = umask(PRIVATE);
        let bound = UnixListener::bind(path);
        umask(before);
        let listener = bound.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => SocketError::Occupied(path.clone()),
            _ => refused(error),
        })?;
        if group.is_some() {
            chown(path, None, group).map_err(|error| refused(error.into()))?;
        }
        listener.set_nonblocking(true).map_err(refused)?;
        Ok(Self { guard, listener })
    }
}

impl Socket {
    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.guard.socket
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The lock is still held, so it is ours.
        let _ = fs::remove_file(&self.guard.socket);
    }
}

/// Removes a socket that nobody can be listening on, for its lock is ours.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        _ => Ok(()),
    }
}

/// The group of this name.
pub(crate) fn find_group(name: &str) -> Result<Gid, SocketError> {
    let found = Group::from_name(name).ok().flatten();
    found.map(|group| group.gid).ok_or_else(|| SocketError::NoGroup(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_daemon_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deeper/egret.sock");
        let first = Socket::listen(Guard::take(&path).unwrap(), None).unwrap();
        let refusal = Guard::take(&path).unwrap_err().to_string();
        assert!(refusal.contains(&std::process::id().to_string()) && refusal.contains("egret.sock"), "{refusal}");
        drop(first);
        assert!(!path.exists());
        Guard::take(&path).unwrap();
    }

    #[test]
    fn a_socket_that_was_left_behind_is_replaced_and_a_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("egret.sock");
        drop(UnixListener::bind(&path).unwrap());
        let socket = Socket::listen(Guard::take(&path).unwrap(), None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        drop(socket);
        fs::write(&path, "precious").unwrap();
        let refusal = Socket::listen(Guard::take(&path).unwrap(), None).unwrap_err();
        assert!(matches!(refusal, SocketError::Occupied(_)), "{refusal}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
