//! Every socket table of every network namespace, read once.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt;

use procfs::process::Process;

use super::seen::{Key, Phase, Seen, classify};
use crate::diag::tables::{TABLES, read, this_thread};
use crate::diag::{DiagError, DiagSocket, Namespace, in_namespace, namespaces};

#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) sockets: HashMap<Key, Seen>,
    /// Namespaces that were not read completely: a socket that is missing from them may still be open.
    pub(super) unread: HashSet<u32>,
    /// Tables that could not be read or parsed.
    pub(super) failures: u64,
}

impl Snapshot {
    pub(super) fn take() -> Self {
        let mut snapshot = Self::default();
        match namespaces() {
            Ok(namespaces) => namespaces.iter().for_each(|namespace| snapshot.read(namespace)),
            Err(_) => snapshot.failures = 1,
        }
        snapshot
    }

    fn read(&mut self, namespace: &Namespace) {
        let mut collect = |result: Result<Vec<DiagSocket>, DiagError>| match result {
            Ok(sockets) => sockets.iter().for_each(|socket| self.add(namespace.inode, socket)),
            Err(error) if error.is_unsupported() => {}
            Err(_) => {
                self.failures = self.failures.saturating_add(1);
                self.unread.insert(namespace.inode);
            }
        };
        match tables_of(namespace) {
            Ok(tables) => tables.into_iter().for_each(&mut collect),
            // The process in it has ended, or it may not be entered.
            Err(_) => {
                self.unread.insert(namespace.inode);
            }
        }
    }

    fn add(&mut self, netns: u32, socket: &DiagSocket) {
        let (key, seen) = classify(netns, socket);
        let known = self.sockets.entry(key).or_insert(seen);
        // A new connection may have the endpoints of one in TIME-WAIT.
        if seen.phase == Phase::Alive {
            *known = seen;
        }
    }
}

type Tables = Vec<Result<Vec<DiagSocket>, DiagError>>;

/// The tables of a namespace: by a process in it, which takes no privilege, or by entering it.
fn tables_of(namespace: &Namespace) -> io::Result<Tables> {
    let Some(member) = namespace.member else {
        return in_namespace(namespace, || this_thread().map(|thread| read_all(&thread)))?.map_err(io::Error::other);
    };
    let process = Process::new(i32::try_from(member).map_err(io::Error::other)?).map_err(io::Error::other)?;
    let tables = read_all(&process);
    // It may have entered another namespace, or its pid may be another process's by now.
    let inode = std::fs::metadata(format!("/proc/{member}/ns/net"))?.ino();
    if inode == u64::from(namespace.inode) { Ok(tables) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn read_all(process: &Process) -> Tables {
    TABLES.into_iter().map(|table| read(process, table)).collect()
}
