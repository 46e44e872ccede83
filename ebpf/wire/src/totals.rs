//! The table of totals of open connections, which user space maps.

/// Buckets of the table; a socket's bucket is its cookie modulo this.
pub const TOTALS_BUCKETS: u32 = 16_384;

/// The totals of one open connection.
///
/// Only words, each of which is written at once. A reader uses its result if cookie and version were the same
/// before and after.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotalsSlot {
    /// Cookie of the socket; zero in a free slot, `u64::MAX` in one that is about to be used.
    pub cookie: u64,
    /// Grows whenever the slot is assigned to a connection.
    pub version: u64,
    /// When the connection began, or the use of the current peer of a datagram socket;
    /// [`crate::FlowRecord::opened_ns`].
    pub opened_ns: u64,
    /// Payload bytes sent.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
}

/// The slots of the sockets with this bucket.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotalsBucket {
    /// In no order.
    pub slots: [TotalsSlot; 4],
}

const _: () = assert!(size_of::<TotalsBucket>() == 160 && align_of::<TotalsBucket>() == 8);
