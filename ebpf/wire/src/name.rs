//! Records that names are read from: DNS messages and the first bytes of TLS connections.

use crate::{Address, Header};

/// Name flag: the bytes travelled over TCP, and `sequence` is that of the first of them; else over UDP.
pub const NAME_TCP: u32 = 1 << 0;

/// Bytes of one packet, after its transport header. The first `captured` bytes that follow are the packet's. More follow
/// where the kernel side reserved more than it used: whatever the ring held before.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRecord {
    /// [`crate::Kind::Question`], [`crate::Kind::Answer`] or [`crate::Kind::Hello`], flags and time. The length is that
    /// of the whole record, unused bytes included.
    pub header: Header,
    /// Cookie of the socket on this host that sends or receives.
    pub cookie: u64,
    /// The other end: the resolver, or the TLS server.
    pub remote: Address,
    /// Process that holds the socket; zero when unknown.
    pub pid: u32,
    /// TCP sequence number of the first byte; zero for UDP.
    pub sequence: u32,
    /// Bytes of payload that the packet has.
    pub length: u32,
    /// Port of the other end.
    pub remote_port: u16,
    /// Bytes of payload that are here.
    pub captured: u16,
}

const _: () = assert!(size_of::<NameRecord>() == 56);
