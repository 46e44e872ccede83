//! Which process holds a socket.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;

use procfs::process::{Process, all_processes};

/// Longest chain of parents that is followed. Real ones are a dozen long.
const MAX_DEPTH: usize = 256;

/// The answer of one pass over every process's descriptors.
#[derive(Debug, Default)]
pub struct Holders {
    by_inode: HashMap<u64, Option<u32>>,
}

impl Holders {
    /// The process to name for a socket's inode number; `None` if nobody holds it, or if several do and
    /// none can be named without guessing.
    ///
    /// A socket with several holders was inherited over fork(2) or passed over a Unix socket. If all holders
    /// descend from one of them, that one is named: it had the socket first (a server and its workers, sshd
    /// and its session). A service manager, which keeps the listening sockets it hands out (pid 1, or any
    /// `systemd`), is left out of this while somebody else holds the socket too. Otherwise, as with workers
    /// whose parent has ended, nobody is named.
    #[must_use]
    pub fn of(&self, inode: u64) -> Option<u32> {
        self.by_inode.get(&inode).copied().flatten()
    }

    /// Whether any process holds the socket.
    #[must_use]
    pub fn is_held(&self, inode: u64) -> bool {
        self.by_inode.contains_key(&inode)
    }
}

/// Finds the holders of the sockets whose inode numbers are `wanted`, in one pass over `/proc/PID/fd`: a
/// system call a descriptor of the host, the dearest question of this module.
///
/// Descriptors that come and go meanwhile may be missed. Memory: about 100 bytes a wanted socket and holder.
///
/// # Errors
///
/// `/proc` cannot be listed.
pub fn inodes_to_pids(wanted: impl Fn(u64) -> bool) -> io::Result<Holders> {
    let mut pids: HashMap<u64, Vec<u32>> = HashMap::new();
    for process in all_processes().map_err(io::Error::other)?.flatten() {
        let Ok(pid) = u32::try_from(process.pid) else { continue };
        for inode in sockets_of(pid).filter(|inode| wanted(*inode)) {
            let holders = pids.entry(inode).or_default();
            if holders.last() != Some(&pid) {
                holders.push(pid);
            }
        }
    }
    let mut family = Family::default();
    let name = |(inode, holders): (u64, Vec<u32>)| (inode, family.choose(&holders));
    Ok(Holders { by_inode: pids.into_iter().map(name).collect() })
}

fn sockets_of(pid: u32) -> impl Iterator<Item = u64> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors.filter_map(|entry| parse_socket(std::fs::read_link(entry.path()).ok()?.as_os_str()))
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

/// Processes' parents, each read once.
#[derive(Default)]
struct Family {
    known: HashMap<u32, Option<Relation>>,
}

impl Family {
    fn choose(&mut self, holders: &[u32]) -> Option<u32> {
        if let [only] = holders {
            return Some(*only);
        }
        let mut holders = holders.to_vec();
        holders.retain(|pid| !self.relation(*pid).is_none_or(|relation| relation.is_manager));
        let mut eldest = holders.iter().filter(|pid| !self.descends_from_one(**pid, &holders));
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
            let stat = Process::new(i32::try_from(pid).ok()?).and_then(|process| process.stat()).ok()?;
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

    use super::*;
    use crate::host::test_support::{Child, inode_of, wait_until};

    fn family(relations: &[(u32, u32, bool)]) -> Family {
        let entry = |(pid, parent, is_manager): &(u32, u32, bool)| {
            (*pid, Some(Relation { parent: *parent, is_manager: *is_manager }))
        };
        Family { known: relations.iter().map(entry).collect() }
    }

    #[test]
    fn eldest_of_one_family_is_named_and_strangers_are_not() {
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
        assert_eq!(family.choose(&[12, 10]), Some(10), "a generation that closed it lies between");
        assert_eq!(family.choose(&[11, 20]), None, "two families");
        assert_eq!(family.choose(&[1, 11, 12]), Some(11), "pid 1 hands sockets out");
        assert_eq!(family.choose(&[30, 31]), Some(31), "so does a user's manager");
        assert_eq!(family.choose(&[1]), Some(1));
        assert_eq!(family.choose(&[]), None);
    }

    #[test]
    fn loop_of_parents_ends() {
        let mut family = family(&[(10, 11, false), (11, 10, false), (12, 10, false), (20, 0, false)]);
        assert_eq!(family.choose(&[12, 20]), None);
    }

    #[test]
    fn inherited_socket_belongs_to_the_parent_and_only_wanted_ones_are_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let unwanted = TcpListener::bind("127.0.0.1:0").unwrap();
        let inherited = listener.as_fd().try_clone_to_owned().unwrap();
        let child = Child::run(Command::new("sleep").arg("1000").stdin(inherited));
        let inode = inode_of(&listener);
        assert!(sockets_of(child.pid()).any(|held| held == inode));
        let holders = inodes_to_pids(|wanted| wanted == inode).unwrap();
        assert_eq!(holders.of(inode), Some(std::process::id()));
        assert!(!holders.is_held(inode_of(&unwanted)));
        drop(listener);
        // Another test's child may hold a copy between its fork and its exec.
        wait_until("only the child holds it", || {
            inodes_to_pids(|wanted| wanted == inode).unwrap().of(inode) == Some(child.pid())
        });
    }

    #[test]
    fn only_sockets_are_sockets() {
        assert_eq!(parse_socket(OsStr::new("socket:[42]")), Some(42));
        for other in ["pipe:[42]", "socket:[]", "socket:[4x]", "/socket:[42]", "socket:[42"] {
            assert_eq!(parse_socket(OsStr::new(other)), None, "{other}");
        }
    }
}
