//! Flags of a socket.

use core::ops::BitOr;

use egret_wire::PeerTotals;

/// Flags of a socket and its current peer. Records contain the low half.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// [`egret_wire::INBOUND`].
    pub const INBOUND: Self = Self(egret_wire::INBOUND);
    /// [`egret_wire::UNOWNED`].
    pub const UNOWNED: Self = Self(egret_wire::UNOWNED);
    /// [`egret_wire::PREEXISTING`].
    pub const PREEXISTING: Self = Self(egret_wire::PREEXISTING);
    /// [`egret_wire::LISTENER`].
    pub const LISTENER: Self = Self(egret_wire::LISTENER);
    /// [`egret_wire::PEER_SPILLED`].
    pub const PEER_SPILLED: Self = Self(egret_wire::PEER_SPILLED);
    /// [`egret_wire::BY_TUPLE`].
    pub const BY_TUPLE: Self = Self(egret_wire::BY_TUPLE);
    /// [`egret_wire::GRANTED`].
    pub const GRANTED: Self = Self(egret_wire::GRANTED);
    /// [`egret_wire::PEER_PARTIAL`].
    pub const PEER_PARTIAL: Self = Self(egret_wire::PEER_PARTIAL);
    /// [`egret_wire::CONNECTED`].
    pub const CONNECTED: Self = Self(egret_wire::CONNECTED);
    /// [`egret_wire::UNDIRECTED`].
    pub const UNDIRECTED: Self = Self(egret_wire::UNDIRECTED);
    /// The socket is connected, and its current peer is not the one that it is connected to.
    pub const AWAY: Self = Self(1 << 16);
    /// The peer table has earlier totals of the current peer.
    pub const RESUMED: Self = Self(1 << 17);
    /// The first use of the current peer is a receive.
    pub const FIRST_INBOUND: Self = Self(1 << 18);
    /// Several threads have used the socket at the same time.
    pub const SHARED: Self = Self(1 << 19);
    /// An error on the current peer was reported.
    pub const ERROR_REPORTED: Self = Self(1 << 20);
    /// A connect without an answer was reported.
    pub const CONNECT_REPORTED: Self = Self(1 << 21);
    /// A failed first send to the current peer was reported.
    pub const SEND_FAILED: Self = Self(1 << 22);
    /// `sock_ops` sees the end of the TCP connection.
    pub const WATCHED: Self = Self(1 << 23);
    /// The first datagram that the socket receives may answer one that it sent before the start.
    pub const ANSWERED: Self = Self(1 << 24);
    /// The current peer is that of a connect, which may have failed since its hook.
    pub const REQUESTED: Self = Self(1 << 25);

    /// Flags of the current peer, which another peer begins without.
    pub(crate) const PEER: Self = Self(
        Self::INBOUND.0
            | Self::PREEXISTING.0
            | Self::AWAY.0
            | Self::RESUMED.0
            | Self::FIRST_INBOUND.0
            | Self::ERROR_REPORTED.0
            | Self::SEND_FAILED.0,
    );
    /// Flags that the peer table keeps.
    pub(crate) const KEPT: Self = Self(Self::INBOUND.0 | Self::PREEXISTING.0);

    /// Whether it has any of `flags`.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// The flags in a record.
    #[inline(always)]
    #[must_use]
    pub const fn on_wire(self) -> u32 {
        self.0 & 0xffff
    }

    #[inline(always)]
    pub(crate) const fn only(self, flags: Self) -> Self {
        Self(self.0 & flags.0)
    }

    #[inline(always)]
    pub(crate) const fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }

    /// `flags` if a condition holds.
    #[inline(always)]
    #[must_use]
    pub const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }

    /// As the peer table keeps them.
    #[inline(always)]
    pub(crate) const fn to_kept(self) -> u64 {
        self.0 as u64
    }

    /// The flags that the peer table has kept.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is not used")]
    pub(crate) const fn kept(totals: &PeerTotals) -> Self {
        Self(totals.flags as u32)
    }
}

impl BitOr for Flags {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
