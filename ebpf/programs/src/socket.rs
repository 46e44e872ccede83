//! What the kernel side knows of a socket: a value stored inside the socket itself.

use core::ffi::c_void;
use core::ptr;

use aya_ebpf::bindings::BPF_SK_STORAGE_GET_F_CREATE;
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use egret_wire::{Address, Counter, INBOUND, ProcessRef};

use crate::atomic;
use crate::maps::{SOCKETS, count};

/// Seen in use, nothing else known.
pub(crate) const PHASE_NEW: u8 = 0;
/// A TCP connect was asked for; no packet has left.
pub(crate) const PHASE_ATTEMPT: u8 = 1;
/// The SYN is on its way.
pub(crate) const PHASE_CONNECTING: u8 = 2;
/// The TCP handshake is complete.
pub(crate) const PHASE_ESTABLISHED: u8 = 3;
/// A datagram or raw socket.
pub(crate) const PHASE_DATAGRAM: u8 = 4;
/// A TCP listener.
pub(crate) const PHASE_LISTEN: u8 = 5;
/// Over; the last record is written.
pub(crate) const PHASE_CLOSED: u8 = 6;

/// Private flag beside those of the wire: the socket is connected, and its current peer is another one.
pub(crate) const AWAY: u32 = 1 << 16;
/// Private flag: the peer table has totals of the current peer from before.
pub(crate) const RESUMED: u32 = 1 << 17;
/// Private flag: the first use of the current peer is a receive.
pub(crate) const FIRST_INBOUND: u32 = 1 << 18;

/// Private flag: several threads have used the socket at the same moment.
pub(crate) const SHARED: u32 = 1 << 19;
/// Private flag: an error on the current peer was told.
pub(crate) const ERRED: u32 = 1 << 20;

/// Private flag: a connect that is not answered was told.
pub(crate) const TOLD: u32 = 1 << 21;
/// Private flag: a failed first send to the current peer was reported.
pub(crate) const FAILED: u32 = 1 << 22;

/// Flags of the current peer: another peer begins without them.
pub(crate) const PEER_FLAGS: u32 = INBOUND | AWAY | RESUMED | FIRST_INBOUND | ERRED | FAILED;

/// Nothing more is to be learned from what the socket sends.
pub(crate) const HELLO_OVER: u8 = u8::MAX;

/// State of one socket. Totals are those of the current peer where a datagram socket has several.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) process: ProcessRef,
    pub(crate) local: Address,
    pub(crate) peer: Address,
    pub(crate) opened_ns: u64,
    pub(crate) established_ns: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) sends: u64,
    pub(crate) receives: u64,
    /// Thread between a datagram hook and the length tracepoint that follows it; it alone may change `peer`.
    pub(crate) busy: u64,
    /// Jiffies at which it began to.
    pub(crate) busy_since: u64,
    /// Not zero: the first datagram with the current peer is not reported yet. A word of its own, that threads claim.
    pub(crate) unreported: u64,
    /// Entries of the peer table that hold totals of this socket.
    pub(crate) spilled: u64,
    /// Jiffies of the last record with totals.
    pub(crate) told: u64,
    pub(crate) cookie: u64,
    pub(crate) flags: u32,
    pub(crate) netns: u32,
    pub(crate) local_port: u16,
    pub(crate) peer_port: u16,
    pub(crate) family: u16,
    pub(crate) protocol: u16,
    pub(crate) socket_type: u16,
    pub(crate) phase: u8,
    /// How far the TLS client's first bytes have been seen: segments copied, or [`HELLO_OVER`].
    pub(crate) hello: u8,
    /// TCP sequence number at which they end, once the first of them was seen.
    pub(crate) hello_end: u32,
    /// Not zero: the table of cookies has the socket. A word of its own, or a change of `flags` by another thread could
    /// undo it.
    pub(crate) listed: u64,
}

impl Socket {
    /// Sets the totals to zero, word by word: the compiler would make one call to a loop over bytes of it.
    #[inline(always)]
    pub(crate) fn reset_totals(&mut self) {
        for total in [&raw mut self.sent, &raw mut self.received, &raw mut self.sends, &raw mut self.receives] {
            // SAFETY: a field of a valid value.
            unsafe { ptr::write_volatile(total, 0) };
        }
    }
}

/// The state of a socket, if it has one.
#[inline(always)]
pub(crate) fn find(sk: *mut c_void) -> Option<&'static mut Socket> {
    get(sk, 0)
}

/// The state of a socket, zeroed if it is new. None (and counted) if the kernel has no memory for it.
#[inline(always)]
pub(crate) fn find_or_make(sk: *mut c_void) -> Option<&'static mut Socket> {
    let socket = get(sk, u64::from(BPF_SK_STORAGE_GET_F_CREATE));
    if socket.is_none() {
        count(Counter::SocketState, 1);
    }
    socket
}

#[inline(always)]
fn get(sk: *mut c_void, flags: u64) -> Option<&'static mut Socket> {
    // SAFETY: `sk` comes from a hook's context and is a socket to the verifier; the helper answers a pointer
    // to a whole value or null. It stays valid for the run of the program. Another CPU may write it at the
    // same time; every field that matters across CPUs is changed atomically.
    unsafe {
        let map = ptr::addr_of!(SOCKETS).cast_mut().cast::<c_void>();
        bpf_sk_storage_get(map, sk, ptr::null_mut(), flags).cast::<Socket>().as_mut()
    }
}

/// Adds atomically to a total.
#[inline(always)]
pub(crate) fn add(total: &mut u64, amount: u64) {
    atomic::add(total, amount);
}

/// An IPv4 address (network order) in the mapped form.
#[inline(always)]
pub(crate) fn mapped(address: u32) -> Address {
    [0, u64::from(address) << 32 | 0xffff_0000]
}

/// An IPv6 address from its four words (network order).
#[inline(always)]
pub(crate) fn words(address: [u32; 4]) -> Address {
    let [a, b, c, d] = address.map(u64::from);
    [b << 32 | a, d << 32 | c]
}

#[cfg(target_endian = "big")]
compile_error!("addresses are put together for little-endian machines; build for bpfel");
