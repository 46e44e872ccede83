//! What the crate `nfq` leaves out: messages to a queue that are not answered, and the socket itself.
//!
//! `nfq` reads the kernel's answer to each setting, and throws away the packets that come before it. What has to
//! be set while packets come is therefore sent from here, without asking for an answer.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::SendFlags;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// `include/uapi/linux/netfilter/nfnetlink.h`
const NFNL_SUBSYS_QUEUE: u16 = 3;
/// `include/uapi/linux/netlink.h`
const NLM_F_REQUEST: u16 = 1;
const NETLINK_NETFILTER: &str = "12";

/// `include/uapi/linux/netfilter/nfnetlink_queue.h`
const NFQNL_MSG_VERDICT: u16 = 1;
const NFQNL_MSG_CONFIG: u16 = 2;
const NFQNL_MSG_VERDICT_BATCH: u16 = 3;
const NFQA_VERDICT_HDR: u16 = 2;
const NFQA_CFG_QUEUE_MAXLEN: u16 = 3;

/// `include/uapi/linux/netfilter.h`
const NF_ACCEPT: u32 = 1;
const NF_REPEAT: u32 = 4;

/// The socket through which a queue is read, in other hands.
#[derive(Debug)]
pub(super) struct Control {
    socket: OwnedFd,
    number: u16,
}

impl Control {
    /// The socket that this process reads a queue with.
    pub(super) fn of_queue(number: u16) -> io::Result<Self> {
        let socket = duplicate(find(number)?)?;
        Ok(Self { socket, number })
    }

    /// Makes whoever waits for a packet get an error: the kernel answers a verdict on a packet that there is not. Packets
    /// are numbered from one.
    pub(super) fn wake(&self) -> io::Result<()> {
        self.send(NFQNL_MSG_VERDICT, NFQA_VERDICT_HDR, &words([NF_ACCEPT, 0]))
    }

    /// Lets the rules see all packets again that are in the queue by now.
    pub(super) fn repeat(&self) -> io::Result<()> {
        let all = words([NF_REPEAT, i32::MAX.unsigned_abs()]);
        self.send(NFQNL_MSG_VERDICT_BATCH, NFQA_VERDICT_HDR, &all)
    }

    /// Lets no more packets into the queue: for the kernel it is full.
    pub(super) fn shut(&self) -> io::Result<()> {
        self.send(NFQNL_MSG_CONFIG, NFQA_CFG_QUEUE_MAXLEN, &words([0]))
    }

    fn send(&self, kind: u16, attribute: u16, payload: &[u8]) -> io::Result<()> {
        rustix::net::send(&self.socket, &message(kind, self.number, attribute, payload), SendFlags::empty())?;
        Ok(())
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Words as attributes have them.
fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// `struct nlmsghdr`, `struct nfgenmsg`, `struct nlattr`, and what is in it.
fn message(kind: u16, queue: u16, attribute: u16, payload: &[u8]) -> Vec<u8> {
    let attribute_length = u16::try_from(4 + payload.len()).unwrap_or(u16::MAX);
    let mut message = Vec::with_capacity(24 + payload.len());
    message.extend((20 + u32::from(attribute_length)).to_ne_bytes());
    message.extend(((NFNL_SUBSYS_QUEUE << 8) | kind).to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([0, 0]);
    message.extend(queue.to_be_bytes());
    message.extend(attribute_length.to_ne_bytes());
    message.extend(attribute.to_ne_bytes());
    message.extend(payload);
    message
}

/// The descriptor through which this process reads a queue: the kernel's tables lead from the queue to the netlink port, from
/// that to the socket's inode, and from that to the descriptor.
fn find(queue: u16) -> io::Result<i32> {
    let queues = fs::read_to_string("/proc/thread-self/net/netfilter/nfnetlink_queue")?;
    let port = column(&queues, 1, |row| row.first() == Some(&&*queue.to_string()));
    let sockets = fs::read_to_string("/proc/thread-self/net/netlink")?;
    let inode = column(&sockets, 9, |row| row.get(1) == Some(&NETLINK_NETFILTER) && row.get(2).copied() == port);
    let target = format!("socket:[{}]", inode.ok_or(io::ErrorKind::NotFound)?);
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        if fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == &*target) {
            let name = entry.file_name();
            return name.to_str().and_then(|name| name.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// A column of the first row that is meant.
fn column(table: &str, number: usize, is_meant: impl Fn(&[&str]) -> bool) -> Option<&str> {
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.find(|row| is_meant(row))?.get(number).copied()
}

/// A descriptor of this process by its number is nothing that safe code may use. The kernel gives another one for it.
fn duplicate(descriptor: i32) -> io::Result<OwnedFd> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(own, descriptor, PidfdGetfdFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_the_layout_of_the_kernel() {
        let expected = [
            &32_u32.to_ne_bytes()[..],
            &0x0301_u16.to_ne_bytes(),
            &1_u16.to_ne_bytes(),
            &[0; 8],
            &[0, 0, 0x12, 0x34],
            &12_u16.to_ne_bytes(),
            &2_u16.to_ne_bytes(),
            &[0, 0, 0, 1, 0, 0, 0, 7],
        ];
        assert_eq!(message(NFQNL_MSG_VERDICT, 0x1234, NFQA_VERDICT_HDR, &words([NF_ACCEPT, 7])), expected.concat());
    }

    #[test]
    fn row_is_found_by_its_column() {
        let table =
            "    0  4242     0 2   128     0     0        1  1\n   10  4343     0 2   128     0     0        1  1\n";
        assert_eq!(column(table, 1, |row| row.first() == Some(&"10")), Some("4343"));
        assert_eq!(column(table, 1, |row| row.first() == Some(&"1")), None);
    }
}
