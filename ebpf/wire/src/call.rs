//! Records of the `syscalls` layer.

use crate::{Address, Header, ProcessRef};

/// `connect(2)`.
pub const CALL_CONNECT: u16 = 1;
/// `sendto(2)`, and `send(2)` through it.
pub const CALL_SENDTO: u16 = 2;
/// `sendmsg(2)`.
pub const CALL_SENDMSG: u16 = 3;
/// `sendmmsg(2)`; one record a message.
pub const CALL_SENDMMSG: u16 = 4;
/// `accept(2)` and `accept4(2)`.
pub const CALL_ACCEPT: u16 = 5;

/// A system call with its arguments and result.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Kind and time of entry.
    pub header: Header,
    /// The process that called.
    pub process: ProcessRef,
    /// Socket cookie, zero if unknown.
    pub cookie: u64,
    /// Peer address.
    pub peer: Address,
    /// Local address.
    pub local: Address,
    /// The result of the call: bytes, a descriptor, or a negative errno.
    pub result: i64,
    /// Nanoseconds between entry and exit.
    pub duration_ns: u64,
    /// The descriptor passed in.
    pub fd: i32,
    /// One of the `CALL_*` numbers.
    pub call: u16,
    /// Peer port.
    pub peer_port: u16,
    /// Local port.
    pub local_port: u16,
    /// `AF_*` of the address.
    pub family: u16,
    /// `IPPROTO_*` of the socket, `0xffff` if unknown.
    pub protocol: u16,
    /// `SOCK_*` of the socket, zero if unknown.
    pub socket_type: u16,
    /// Index of the interface of a link-local peer, in the socket's network namespace; zero if it has none or it
    /// is unknown.
    pub interface: u32,
    /// Inode number of the network namespace, zero if unknown.
    pub netns: u32,
}

const _: () = assert!(size_of::<CallRecord>() == 136);
