//! Records and map values shared by the kernel programs and user space.
//!
//! Everything here is `repr(C)`, made of fixed-size integers and arrays of them, and its size is asserted
//! at compile time, so that both sides have the same layout. A record never contains a `bool`,
//! `usize`, `Option`, float or payload enum: a byte pattern read from a ring is always a valid value.
//!
//! Numbers are in host byte order and ports in host order; addresses are 16 bytes in network order, IPv4
//! as the mapped form `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2), and all zeroes if unknown.
#![no_std]

mod call;
mod config;
mod counter;
mod flow;
mod name;
mod owner;
mod process;
mod totals;

pub use call::{CALL_ACCEPT, CALL_CONNECT, CALL_SENDMMSG, CALL_SENDMSG, CALL_SENDTO, CallRecord};
pub use config::{
    ANSWER_NS, CONFIG_ATOMICS, CONFIG_CURRENT, CONFIG_DNS, CONFIG_ENFORCE, CONFIG_EVERY_SEND, CONFIG_LENGTHS,
    CONFIG_PACKETS, CONFIG_SNI, CONFIG_TOTALS, CONFIG_TRACE_CONTEXT, CONFIG_TYPED, Config, STAGE_ATTACHING,
    STAGE_LISTING, STAGE_WATCHING, Stage,
};
pub use counter::Counter;
pub use flow::{
    Arrived, BY_TUPLE, CONNECTED, FlowRecord, GRANTED, INBOUND, Kind, LISTENER, PEER_PARTIAL, PEER_SPILLED,
    PREEXISTING, PacketSocket, PeerKey, PeerTotals, UNDIRECTED, UNOWNED,
};
pub use name::{NAME_TCP, NO_USER, NameRecord};
pub use owner::{Grant, GrantKey, Policy, TupleKey, TupleOwner};
pub use process::{
    ANSWERS, CgroupRecord, EXEC_ARGS_TRUNCATED, EXEC_HOST_FILE, EXEC_HOST_VIEW, EXEC_MEMORY, EXEC_NO_PATH,
    EXEC_PATH_AS_TYPED, EXEC_PATH_TRUNCATED, EXEC_TRACE_PARENT, ExecHeader, KERNEL_THREAD, MAX_ARGS, MAX_CGROUP_PATH,
    MAX_DIRECTORY, MAX_PATH, ProcessKey, ProcessRef, TRACE_PARENT, TRACED,
};
pub use totals::{TOTALS_BUCKETS, TotalsBucket, TotalsSlot};

/// The 16 bytes of an address in memory, as two words, which the kernel side copies at once.
pub type Address = [u64; 2];

/// The bytes of an address, in network order.
#[must_use]
pub fn address_bytes(address: Address) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (to, word) in bytes.chunks_exact_mut(8).zip(address) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

/// Version of every record. The decoder refuses any other: both sides are of one build.
pub const VERSION: u8 = 1;

/// The first bytes of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`VERSION`].
    pub version: u8,
    /// A [`Kind`] as a number.
    pub kind: u8,
    /// Bytes of the whole record, this header included.
    pub length: u16,
    /// Kind-specific bits.
    pub flags: u32,
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub time_ns: u64,
}

const _: () = assert!(size_of::<Header>() == 16);
