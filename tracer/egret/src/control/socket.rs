//! The file of the control socket, with a lock so that a socket has only one daemon.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Group, chown};

/// The umask for the socket: access only for owner and group.
const PRIVATE: Mode = Mode::from_bits_truncate(0o117);
/// Mode of a directory that egret creates for the socket.
const DIRECTORY: u32 = 0o755;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// Another daemon uses the socket.
    #[error(
        "another egret{process} runs on {socket} already; stop it, or give this one its own control.socket",
        socket = socket.display()
    )]
    Taken {
        socket: PathBuf,
        /// The process, if known.
        process: String,
    },
    /// The path is not a socket.
    #[error("cannot create the control socket {path}: the path exists and is not a socket", path = .0.display())]
    Occupied(PathBuf),
    #[error("control.group: there is no group {0:?}")]
    NoGroup(String),
    #[error("cannot create {what} {path}: {error}", path = path.display())]
    Refused { what: &'static str, path: PathBuf, error: io::Error },
}

/// Reserves the path of a socket with a lock on a file beside it. The kernel releases the lock when the process ends.
#[derive(Debug)]
pub(crate) struct Guard {
    socket: PathBuf,
    lock: File,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that reads this one's descriptors may keep it open for a moment.
        let _ = self.lock.unlock();
    }
}

impl Guard {
    /// Takes the lock, or returns the process that has it.
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
                return Err(SocketError::Taken { socket: socket.to_owned(), process: process(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(refused("the lock", &path)(error)),
        }
        // The process id is only for error messages.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self { socket: socket.to_owned(), lock })
    }
}

fn process(lock: &mut File) -> String {
    let mut pid = String::new();
    let read = lock.read_to_string(&mut pid);
    let pid = pid.trim();
    if read.is_ok() && !pid.is_empty() { format!(", process {pid},") } else { String::new() }
}

/// The socket. Its file is removed when egret ends.
#[derive(Debug)]
pub(crate) struct Socket {
    guard: Guard,
    pub(crate) listener: UnixListener,
}

impl Socket {
    /// Creates the socket for egret's own user and a group. Replaces the socket of a daemon that was killed.
    ///
    /// Changes the umask of the process for a moment: no other thread may create files meanwhile.
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
    pub(crate) fn path(&self) -> &Path {
        &self.guard.socket
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The lock is still held, so no other daemon uses the path.
        let _ = fs::remove_file(&self.guard.socket);
    }
}

/// Removes a socket on which nobody listens, because this process has the lock.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        _ => Ok(()),
    }
}

pub(crate) fn find_group(name: &str) -> Result<Gid, SocketError> {
    let found = Group::from_name(name).ok().flatten();
    found.map(|group| group.gid).ok_or_else(|| SocketError::NoGroup(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_daemon_is_refused_with_the_process_of_the_first() {
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
    fn a_stale_socket_is_replaced_and_another_file_is_not() {
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
