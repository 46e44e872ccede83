//! The state of a socket in the kernel side, and its transitions.
//!
//! A transition calls no helper and names no map. Everything else that it needs is in [`Platform`], so that the
//! same code runs in the kernel and in tests on the host. Hooks never write `phase` or `flags` themselves.
//!
//! # Streams
//!
//! ```text
//! New -begin_connect-> Attempt -syn_sent-> Connecting -established-> Established -end_stream-> Closed
//!                         |                    |
//!                         +-end_attempt--------+-end_stream----------------------------------> Closed (failed)
//! New -listening-> Listen          New, Listen (a copy of the listener's) -accepted-> Established
//! ```
//!
//! # Datagrams
//!
//! A hook names the peer before a datagram is sent or received, and a length tracepoint reports its length
//! afterwards, in the same thread. In between the thread holds the lock [`Socket::busy`], so that another thread's
//! datagram on the same socket is not counted for the wrong peer. A thread that finds the socket locked stores its
//! peer with the platform for that one call. If the kernel skipped the tracepoint of the thread that holds the
//! lock, the lock expires.
//!
//! | event | transition |
//! |---|---|
//! | the socket is connected, for the first time or again | [`Socket::connect`]: totals and flags of the previous peer stay with that peer |
//! | a hook names the current peer | none |
//! | a hook names another peer | [`Socket::set_peer`]: flushes totals, then begins a new peer, or resumes one of the peer table |
//! | a datagram without a hook, on a connected socket | [`Socket::moved`] sets the peer that the socket is connected to |
//! | the same after a connect to `AF_UNSPEC`, which no hook sees | the socket is disconnected: the current peer is unknown |
//! | the first datagram to or from the peer | reported; `INBOUND` if the peer sent it, unless it may answer one from before the start |
//! | the first send to the peer fails | the error is reported once, and the first success later |
//! | an error is set on the socket | [`Socket::report_error`]: reported once a peer |
//! | a peek, or a receive of the error queue | [`Socket::nothing_moved`]: the socket is unlocked |
//! | the socket is released | [`Socket::release_datagram`]: reports the totals of the current peer; user space takes those of the others |
#![no_std]

use core::ptr;

use egret_wire::{Address, PeerKey, PeerTotals, ProcessRef};

mod datagram;
mod flags;
mod platform;
mod stream;

#[cfg(test)]
extern crate std;
#[cfg(test)]
mod tests;

pub use flags::Flags;
pub use platform::Platform;

#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is known yet. Zero, because the kernel creates zeroed states.
    #[default]
    New = 0,
    /// A TCP connect was requested; no packet has left.
    Attempt = 1,
    /// The SYN was sent.
    Connecting = 2,
    /// The TCP handshake is complete.
    Established = 3,
    /// A datagram or raw socket.
    Datagram = 4,
    /// A TCP listener.
    Listen = 5,
    /// The last record was written.
    Closed = 6,
}

/// Direction of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Out of the host.
    Sent,
    /// Into it.
    Received,
}

/// The other side of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// All zeroes if unknown.
    pub address: Address,
    /// Zero if the transport has none.
    pub port: u16,
    /// Index of the interface of a link-local peer; zero for others.
    pub interface: u32,
}

impl Peer {
    /// The peer of an entry of the peer table.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a port in a larger word")]
    pub const fn from_key(key: &PeerKey) -> Self {
        Self { address: key.peer, port: key.port as u16, interface: key.interface }
    }

    /// Its key in the peer table.
    #[inline(always)]
    #[must_use]
    pub fn key(self, cookie: u64) -> PeerKey {
        PeerKey { cookie, peer: self.address, port: u32::from(self.port), interface: self.interface }
    }
}

/// State of one socket. If a datagram socket has several peers, totals are those of the current one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    /// The owner.
    pub process: ProcessRef,
    /// Local address, zeroes if not bound.
    pub local: Address,
    /// Address of the current peer.
    pub peer: Address,
    /// When the flow began; zero before its first use.
    pub opened_ns: u64,
    /// When the TCP handshake ended.
    pub established_ns: u64,
    /// Payload bytes sent.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
    /// Calls that sent something.
    pub sends: u64,
    /// Calls that received something.
    pub receives: u64,
    /// Lock: the thread between a datagram hook and its length tracepoint, which alone may change the peer.
    busy: u64,
    /// Jiffies at which it was taken.
    busy_since: u64,
    /// Not zero: the first datagram of the current peer is not reported yet. A word of its own, because threads
    /// claim it atomically.
    unreported: u64,
    /// Entries of this socket in the peer table.
    pub spilled: u64,
    /// Socket cookie.
    pub cookie: u64,
    flags: Flags,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Local port.
    pub local_port: u16,
    /// Port of the current peer.
    pub peer_port: u16,
    /// `AF_*`.
    pub family: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// `SOCK_*`.
    pub socket_type: u16,
    phase: Phase,
    /// Copied segments of a TLS client's first bytes, or [`HELLO_OVER`].
    pub hello: u8,
    /// TCP sequence number at their end, once the first of them was seen.
    pub hello_end: u32,
    /// Index of the interface of a link-local peer.
    pub interface: u32,
    /// Padding to a multiple of eight.
    reserved: u32,
    /// Not zero: the socket is in the table of cookies. A word of its own, because a change of the flags by
    /// another thread could revert it.
    pub listed: u64,
}

/// Value of [`Socket::hello`]: no more segments are copied.
pub const HELLO_OVER: u8 = u8::MAX;

impl Socket {
    #[inline(always)]
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The flags of the socket and of its current peer.
    #[inline(always)]
    #[must_use]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// The current peer.
    #[inline(always)]
    #[must_use]
    pub const fn current_peer(&self) -> Peer {
        Peer { address: self.peer, port: self.peer_port, interface: self.interface }
    }

    /// Key of the current peer in the peer table.
    #[inline(always)]
    #[must_use]
    pub fn key(&self) -> PeerKey {
        self.current_peer().key(self.cookie)
    }

    /// Whether data was exchanged with the current peer.
    #[inline(always)]
    #[must_use]
    pub const fn has_moved(&self) -> bool {
        self.sends | self.receives != 0
    }

    /// Whether it is the current peer.
    #[inline(always)]
    #[must_use]
    pub fn is_current(&self, peer: Peer) -> bool {
        self.peer == peer.address && self.peer_port == peer.port && self.interface == peer.interface
    }

    #[inline(always)]
    const fn assign_peer(&mut self, peer: Peer) {
        self.peer = peer.address;
        self.peer_port = peer.port;
        self.interface = peer.interface;
    }

    /// Sets the totals to zero, word by word: the compiler would otherwise call a loop over bytes.
    #[inline(always)]
    pub fn reset_totals(&mut self) {
        for total in [&raw mut self.sent, &raw mut self.received, &raw mut self.sends, &raw mut self.receives] {
            // SAFETY: a field of a valid value.
            unsafe { ptr::write_volatile(total, 0) };
        }
    }

    /// A call begins a flow with a peer.
    #[inline(always)]
    fn begin_flow(&mut self, peer: Peer, process: ProcessRef, now: u64) {
        self.assign_peer(peer);
        self.opened_ns = now;
        self.established_ns = 0;
        self.hello = 0;
        self.reset_totals();
        self.process = process;
    }
}

/// Adds the bytes of one call.
#[inline(always)]
pub fn add_moved<P: Platform>(totals: &mut PeerTotals, amount: u64, direction: Direction) {
    let is_sent = direction == Direction::Sent;
    P::add(if is_sent { &mut totals.sent } else { &mut totals.received }, amount);
    P::add(if is_sent { &mut totals.sends } else { &mut totals.receives }, 1);
}

/// Totals after the first call.
#[inline(always)]
#[must_use]
pub fn first_moved(opened_ns: u64, amount: u64, direction: Direction) -> PeerTotals {
    let is_sent = direction == Direction::Sent;
    PeerTotals {
        opened_ns,
        sent: if is_sent { amount } else { 0 },
        received: if is_sent { 0 } else { amount },
        sends: u64::from(is_sent),
        receives: u64::from(!is_sent),
        flags: 0,
    }
}
