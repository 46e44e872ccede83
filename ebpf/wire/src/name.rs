//! Records for names: DNS messages and the first bytes of TLS connections.

use crate::{Address, Header};

/// Name flag: the packet is a TCP segment, and `sequence` is that of its first byte; else it is UDP.
pub const NAME_TCP: u32 = 1 << 0;
/// The user of an unknown process.
pub const NO_USER: u32 = u32::MAX;

/// The payload of one packet. The first `captured` bytes after this record are the packet's. The kernel side may
/// have reserved more bytes, which have earlier content of the ring.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRecord {
    /// [`crate::Kind::Question`], [`crate::Kind::Answer`] or [`crate::Kind::Hello`], flags and time. The length is
    /// that of the whole record, unused bytes included.
    pub header: Header,
    /// Cookie of the socket on this host that sends or receives.
    pub cookie: u64,
    /// The image of the process, as in [`crate::ProcessRef`]; zero if unknown.
    pub exec_id: u64,
    /// The peer: the resolver, or the TLS server.
    pub remote: Address,
    /// Owner of the socket; zero if unknown.
    pub pid: u32,
    /// Inode number of the socket's network namespace, zero if unknown.
    pub netns: u32,
    /// TCP sequence number of the first byte; zero for UDP.
    pub sequence: u32,
    /// Bytes of payload in the packet.
    pub length: u32,
    /// Port of the peer.
    pub remote_port: u16,
    /// Bytes of payload in this record.
    pub captured: u16,
    /// Effective user of that process; [`NO_USER`] if unknown.
    pub uid: u32,
}

const _: () = assert!(size_of::<NameRecord>() == 72 && align_of::<NameRecord>() == 8);
