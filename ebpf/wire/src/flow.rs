//! Records of sockets and flows.

use crate::{Address, Header, ProcessRef};

/// The kind of a record. The number is the `kind` byte of its [`Header`].
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A process replaced its image ([`crate::ExecHeader`] and variable data).
    Exec = 1,
    /// A cgroup was created ([`crate::CgroupRecord`]).
    Cgroup = 2,
    /// A TCP connect without an answer for a second.
    Connecting = 3,
    /// An active TCP open completed its handshake.
    Established = 4,
    /// A passive TCP open completed its handshake.
    Accepted = 5,
    /// The first send or receive on a socket whose owner was not known: the process is the owner.
    Owned = 6,
    /// A TCP open failed; `error` is the errno, zero if unknown.
    Failed = 7,
    /// A TCP connection ended, or a datagram or raw socket was released.
    Closed = 8,
    /// A TCP socket began to listen.
    Listening = 9,
    /// A datagram socket was connected to a peer, or a raw one created; nothing was sent yet. Written only where
    /// the kernel side sees no sends.
    Bound = 10,
    /// First send to, or receive from (flag [`INBOUND`]), a peer of a datagram or raw socket.
    /// A send that failed carries its errno.
    Datagram = 11,
    /// An error was reported on a datagram or raw socket (an ICMP answer, say).
    SocketError = 13,
    /// One send, recorded on request (`--every-send`).
    Send = 14,
    /// A system call and its result ([`crate::CallRecord`]).
    Call = 15,
    /// A DNS message on its way to a resolver ([`crate::NameRecord`]).
    Question = 16,
    /// A DNS message that came from a resolver ([`crate::NameRecord`]).
    Answer = 17,
    /// First bytes that the client of a TLS connection sends ([`crate::NameRecord`]).
    Hello = 18,
    /// A socket was connected while user space lists the preexisting ones ([`crate::STAGE_LISTING`]): it is new.
    Begun = 19,
}

impl Kind {
    /// The kind with this number, if there is one.
    #[must_use]
    pub const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Exec,
            2 => Self::Cgroup,
            3 => Self::Connecting,
            4 => Self::Established,
            5 => Self::Accepted,
            6 => Self::Owned,
            7 => Self::Failed,
            8 => Self::Closed,
            9 => Self::Listening,
            10 => Self::Bound,
            11 => Self::Datagram,
            13 => Self::SocketError,
            14 => Self::Send,
            15 => Self::Call,
            16 => Self::Question,
            17 => Self::Answer,
            18 => Self::Hello,
            19 => Self::Begun,
            _ => return None,
        })
    }
}

/// Flow flag: the peer began the flow.
pub const INBOUND: u32 = 1 << 0;
/// Flow flag: the process is the listener's: no process has sent or received on the socket yet.
pub const UNOWNED: u32 = 1 << 1;
/// Flow flag: the socket, or its connect, is preexisting; its totals begin with the first use that was seen.
/// Without [`INBOUND`] this host opened it, as far as the kernel side knows.
pub const PREEXISTING: u32 = 1 << 2;
/// Flow flag: the socket listens.
pub const LISTENER: u32 = 1 << 3;
/// Flow flag: the socket had several peers, the totals of the others are in the peer table.
pub const PEER_SPILLED: u32 = 1 << 4;

/// Flow flag: no connect hook ran; the process is that in whose context the first packet was sent.
pub const BY_TUPLE: u32 = 1 << 5;
/// Flow flag: an earlier flow like it was allowed, so that this one passed without evaluation.
pub const GRANTED: u32 = 1 << 6;
/// Flow flag: the peer table evicted a part of the totals.
pub const PEER_PARTIAL: u32 = 1 << 7;
/// Flow flag: the datagram socket is connected, so that sends need not name a peer.
pub const CONNECTED: u32 = 1 << 8;
/// Flow flag: the datagram socket was first seen shortly after the start, on a port that a program may have
/// chosen. If it is preexisting, its direction is unknown.
pub const UNDIRECTED: u32 = 1 << 9;

/// The state of a flow at one time.
///
/// `sent` and `received` are payload bytes since the flow was first seen, as the system calls returned
/// them; for TCP `received` is at least what the connection delivered, read or not.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRecord {
    /// Kind and time.
    pub header: Header,
    /// Socket cookie (`SO_COOKIE`): unique since boot.
    pub cookie: u64,
    /// Owner of the socket; zeroes if unknown.
    pub process: ProcessRef,
    /// Local address, zeroes if not bound.
    pub local: Address,
    /// Peer address, zeroes if unknown.
    pub peer: Address,
    /// When the flow began: the connect call, the handshake's end on the passive side, or first use.
    pub opened_ns: u64,
    /// When the handshake ended; zero before that and for datagrams.
    pub established_ns: u64,
    /// Payload bytes sent.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
    /// Calls that sent something.
    pub sends: u32,
    /// Calls that received something.
    pub receives: u32,
    /// TCP segments that were retransmitted.
    pub retransmits: u32,
    /// TCP smoothed round-trip time, microseconds.
    pub srtt_us: u32,
    /// Errno (positive) if the kind has one, else zero.
    pub error: i32,
    /// Inode number of the network namespace, zero if unknown.
    pub netns: u32,
    /// Local port.
    pub local_port: u16,
    /// Peer port.
    pub peer_port: u16,
    /// `AF_*` of the socket.
    pub family: u16,
    /// `IPPROTO_*` of the socket (for packet sockets the Ethernet protocol).
    pub protocol: u16,
    /// `SOCK_*` of the socket.
    pub socket_type: u16,
    /// TCP state before this record (`TCP_*`), else zero.
    pub old_state: u16,
    /// Entries of this socket that were moved to the peer table and not back.
    pub spilled: u32,
    /// Index of the interface of a link-local peer, in the socket's network namespace; zero if it has none or it
    /// is unknown.
    pub interface: u32,
    /// Always zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<FlowRecord>() == 176 && align_of::<FlowRecord>() == 8);

/// Key of the peer table: one peer of one datagram socket.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerKey {
    /// Socket cookie.
    pub cookie: u64,
    /// Peer address.
    pub peer: Address,
    /// Peer port, in a larger word: padding would have to be cleared.
    pub port: u32,
    /// [`FlowRecord::interface`].
    pub interface: u32,
}

const _: () = assert!(size_of::<PeerKey>() == 32);

/// Value of the peer table.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerTotals {
    /// First use, `CLOCK_BOOTTIME` nanoseconds.
    pub opened_ns: u64,
    /// Payload bytes sent.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
    /// Calls that sent something.
    pub sends: u64,
    /// Calls that received something.
    pub receives: u64,
    /// [`INBOUND`], [`PREEXISTING`] and [`PEER_PARTIAL`].
    pub flags: u64,
}

impl PeerTotals {
    /// Its flags, as in a record.
    #[must_use]
    pub const fn flags(self) -> u32 {
        (self.flags & 0xffff) as u32
    }
}

const _: () = assert!(size_of::<PeerTotals>() == 48);

/// Packets that have arrived from a peer that no call has named yet.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Payload bytes.
    pub bytes: u64,
    /// Datagrams.
    pub datagrams: u64,
}

const _: () = assert!(size_of::<Arrived>() == 16);

/// A packet socket, whose end no hook sees.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketSocket {
    /// Its totals.
    pub totals: PeerTotals,
    /// Its address in the kernel.
    pub address: u64,
    /// Not zero once a check found it closed.
    pub is_gone: u64,
}

const _: () = assert!(size_of::<PacketSocket>() == 64);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers and arrays of integers only, no padding (sizes asserted above).
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::PeerKey {}
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::PeerTotals {}
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::PacketSocket {}
}
