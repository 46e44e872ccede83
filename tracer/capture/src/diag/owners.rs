//! The owners of sockets, by the descriptors in `/proc`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::time::Instant;

use procfs::process::{Process, all_processes};

use crate::host::process::stat;

/// Longest chain of parents that is followed. Real ones are a dozen long.
const MAX_DEPTH: usize = 256;

/// The owners that one pass over every process's descriptors found.
#[derive(Debug, Default)]
pub struct SocketOwners {
    by_inode: HashMap<u64, Owned>,
}

/// The processes with descriptors of one socket.
#[derive(Debug)]
struct Owned {
    pids: Vec<u32>,
    owner: Option<u32>,
}

impl SocketOwners {
    /// The owner of the socket with this inode number; `None` if no process has a descriptor of it, or several
    /// have and it is uncertain which of them is the owner.
    ///
    /// A socket with several descriptors was inherited over fork(2) or passed over a Unix socket. If all its
    /// processes descend from one of them, that one is the owner: it had the socket first (a server and its
    /// workers, sshd and its session). A service manager (pid 1, or any `systemd`) keeps the listening sockets
    /// that it passes on, and is ignored if another process has the socket too. Otherwise, as with workers whose
    /// parent has ended, the owner is unknown.
    #[must_use]
    pub fn get(&self, inode: u64) -> Option<u32> {
        self.by_inode.get(&inode)?.owner
    }

    /// Every process that could send by the socket, whether or not it is the owner: a parent may run another
    /// program than its child by now. Pid 1 is ignored if another process has the socket too: it passes sockets
    /// on. Another service manager is recognised only by its name, which any program can have, and is not ignored.
    pub(crate) fn senders(&self, inode: u64) -> impl Iterator<Item = u32> {
        let pids = self.by_inode.get(&inode).map_or(&[][..], |owned| &owned.pids);
        pids.iter().copied().filter(|pid| *pid != 1 || pids.len() == 1)
    }

    /// Whether any process has a descriptor of the socket.
    #[must_use]
    pub fn is_owned(&self, inode: u64) -> bool {
        self.by_inode.contains_key(&inode)
    }
}

/// Finds the owners of the sockets whose inode numbers are `wanted`, in one pass over `/proc/PID/fd`: one system
/// call for each descriptor of the host, which makes it the most expensive function of this module.
///
/// Descriptors that are opened or closed meanwhile may be missed. Memory: about 100 bytes a wanted socket and
/// process.
///
/// # Errors
///
/// `/proc` cannot be listed.
pub fn find_owners(wanted: impl Fn(u64) -> bool) -> io::Result<SocketOwners> {
    search(wanted, || false)
}

/// The same until a deadline: any user can open so many descriptors that a search takes seconds.
///
/// # Errors
///
/// `/proc` cannot be listed, or not all of it before the deadline.
pub(crate) fn find_owners_before(deadline: Instant, wanted: impl Fn(u64) -> bool) -> io::Result<SocketOwners> {
    search(wanted, || Instant::now() >= deadline)
}

fn search(wanted: impl Fn(u64) -> bool, is_over: impl Fn() -> bool) -> io::Result<SocketOwners> {
    let mut pids: HashMap<u64, Vec<u32>> = HashMap::new();
    for process in all_processes().map_err(io::Error::other)?.flatten() {
        let Ok(pid) = u32::try_from(process.pid) else { continue };
        for inode in sockets_of(pid) {
            if is_over() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let Some(inode) = inode.filter(|inode| wanted(*inode)) else { continue };
            let found = pids.entry(inode).or_default();
            if found.last() != Some(&pid) {
                found.push(pid);
            }
        }
    }
    let mut family = Family::default();
    let owned = |(inode, pids): (u64, Vec<u32>)| (inode, Owned { owner: family.choose(&pids), pids });
    Ok(SocketOwners { by_inode: pids.into_iter().map(owned).collect() })
}

/// An entry for each descriptor: the inode number of a socket, or `None` for another file.
fn sockets_of(pid: u32) -> impl Iterator<Item = Option<u64>> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors.map(|entry| parse_socket(std::fs::read_link(entry.path()).ok()?.as_os_str()))
}

/// `socket:[INODE]`.
fn parse_socket(target: &OsStr) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[derive(Clone, Copy)]
struct Relation {
    parent: u32,
    is_manager: bool,
}

/// The parents of processes, each read once.
#[derive(Default)]
struct Family {
    known: HashMap<u32, Option<Relation>>,
}

impl Family {
    fn choose(&mut self, pids: &[u32]) -> Option<u32> {
        if let [only] = pids {
            return Some(*only);
        }
        let mut pids = pids.to_vec();
        pids.retain(|pid| !self.relation(*pid).is_none_or(|relation| relation.is_manager));
        let mut eldest = pids.iter().filter(|pid| !self.descends_from_one(**pid, &pids));
        let first = eldest.next().copied();
        first.filter(|_| eldest.next().is_none())
    }

    fn descends_from_one(&mut self, pid: u32, of: &[u32]) -> bool {
        let mut current = pid;
        for _ in 0..MAX_DEPTH {
            match self.relation(current) {
                Some(relation) if of.contains(&relation.parent) => return true,
                Some(relation) if relation.parent != 0 => current = relation.parent,
                _ => return false,
            }
        }
        false
    }

    fn relation(&mut self, pid: u32) -> Option<Relation> {
        *self.known.entry(pid).or_insert_with(|| {
            let stat = Process::new(i32::try_from(pid).ok()?).and_then(|process| stat(&process)).ok()?;
            let is_manager = pid == 1 || stat.comm == "systemd";
            Some(Relation { parent: u32::try_from(stat.ppid).ok()?, is_manager })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd;
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::host::test_support::{Child, inode_of, wait_until};

    fn family(relations: &[(u32, u32, bool)]) -> Family {
        let entry = |(pid, parent, is_manager): &(u32, u32, bool)| {
            (*pid, Some(Relation { parent: *parent, is_manager: *is_manager }))
        };
        Family { known: relations.iter().map(entry).collect() }
    }

    #[test]
    fn common_ancestor_is_the_owner_and_unrelated_processes_have_none() {
        let mut family = family(&[
            (1, 0, true),
            (10, 1, false),
            (11, 10, false),
            (12, 11, false),
            (20, 1, false),
            (30, 1, true),
            (31, 30, false),
        ]);
        assert_eq!(family.choose(&[12]), Some(12));
        assert_eq!(family.choose(&[12, 11, 10]), Some(10));
        assert_eq!(family.choose(&[12, 10]), Some(10), "a process between them closed it");
        assert_eq!(family.choose(&[11, 20]), None, "two families");
        assert_eq!(family.choose(&[1, 11, 12]), Some(11), "pid 1 passes sockets on");
        assert_eq!(family.choose(&[30, 31]), Some(31), "so does the manager of a user");
        assert_eq!(family.choose(&[1]), Some(1));
        assert_eq!(family.choose(&[]), None);
    }

    #[test]
    fn circular_parents_end_the_search() {
        let mut family = family(&[(10, 11, false), (11, 10, false), (12, 10, false), (20, 0, false)]);
        assert_eq!(family.choose(&[12, 20]), None);
    }

    #[test]
    fn parent_owns_an_inherited_socket_and_others_are_not_searched_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let unwanted = TcpListener::bind("127.0.0.1:0").unwrap();
        let inherited = listener.as_fd().try_clone_to_owned().unwrap();
        let child = Child::run(Command::new("sleep").arg("1000").stdin(inherited));
        let inode = inode_of(&listener);
        assert!(sockets_of(child.pid()).any(|found| found == Some(inode)));
        let owners = find_owners(|wanted| wanted == inode).unwrap();
        assert_eq!(owners.get(inode), Some(std::process::id()));
        let senders: Vec<u32> = owners.senders(inode).collect();
        assert!(senders.contains(&std::process::id()) && senders.contains(&child.pid()), "{senders:?}");
        assert_eq!(owners.senders(inode_of(&unwanted)).count(), 0);
        assert!(!owners.is_owned(inode_of(&unwanted)));
        drop(listener);
        // Another test's child may have a copy between its fork and its exec.
        wait_until("only the child has it", || {
            find_owners(|wanted| wanted == inode).unwrap().get(inode) == Some(child.pid())
        });
    }

    #[test]
    fn search_ends_at_its_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = inode_of(&listener);
        let late = find_owners_before(Instant::now(), |wanted| wanted == inode);
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let in_time = find_owners_before(Instant::now() + Duration::from_secs(3600), |wanted| wanted == inode);
        assert!(in_time.unwrap().is_owned(inode));
    }

    #[test]
    fn pid_1_is_a_sender_only_if_no_other_process_is() {
        let owned = |pids: &[u32]| Owned { pids: pids.to_vec(), owner: None };
        let by_inode = HashMap::from([(7, owned(&[1, 10, 11])), (8, owned(&[1])), (9, owned(&[10]))]);
        let owners = SocketOwners { by_inode };
        let senders = |inode| owners.senders(inode).collect::<Vec<u32>>();
        assert_eq!(senders(7), [10, 11]);
        assert_eq!(senders(8), [1]);
        assert_eq!(senders(9), [10]);
        assert!(senders(10).is_empty());
    }

    #[test]
    fn links_to_other_files_are_ignored() {
        assert_eq!(parse_socket(OsStr::new("socket:[42]")), Some(42));
        for other in ["pipe:[42]", "socket:[]", "socket:[4x]", "/socket:[42]", "socket:[42"] {
            assert_eq!(parse_socket(OsStr::new(other)), None, "{other}");
        }
    }
}
