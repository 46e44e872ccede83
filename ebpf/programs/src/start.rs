//! The start: preexisting sockets, and operations in progress while hooks are being attached.
//!
//! Hooks become effective one after the other. A socket that one of them has seen and another has missed would be
//! reported wrongly: as a connect that fails, or an answer that opens a connection. Until user space has attached
//! all of them, no socket gets a state ([`is_attached`]), and every hook treats a socket without a state as
//! preexisting.

use egret_state::{Flags, Socket};
use egret_wire::{ANSWER_NS, Kind, STAGE_ATTACHING, STAGE_LISTING, Stage};

use crate::config::setting;
use crate::kernel::read_or_zero;
use crate::maps::STAGE;
use crate::record::{self, Detail};

#[inline(always)]
fn stage() -> Stage {
    STAGE.get(0).copied().unwrap_or_default()
}

/// Whether every hook is attached.
#[inline(always)]
pub(crate) fn is_attached() -> bool {
    stage().stage != STAGE_ATTACHING
}

/// A socket was connected. User space needs to know that it is new while it lists sockets.
#[inline(always)]
pub(crate) fn begun(socket: &Socket, now: u64) {
    if stage().stage == STAGE_LISTING {
        record::write(Kind::Begun, now, socket, Detail::default());
    }
}

/// Whether a listener created the socket: it has a copy of the listener's backlog, which no other socket has.
#[inline(always)]
pub(crate) fn is_accepted(sk: *const u8) -> bool {
    read_or_zero::<u32>(sk, setting!(sk_max_ack_backlog)) != 0
}

/// Flags of a datagram socket that is seen for the first time: the direction that its first datagram shows. It may
/// answer one that was not seen.
#[inline(always)]
pub(crate) fn direction(sk: *const u8, is_received: bool) -> Flags {
    if !is_recent(record::now()) {
        Flags::NONE
    } else if !is_bound_automatically(sk) {
        Flags::UNDIRECTED
    } else {
        Flags::ANSWERED.when(is_received)
    }
}

/// Whether the kernel bound the socket by itself, as it does when a socket sends first: only peers that it has
/// sent to know its port. A socket that a program bound, even to a port of the kernel's choice, may receive first.
#[inline(always)]
fn is_bound_automatically(sk: *const u8) -> bool {
    setting!(sk_userlocks) != u32::MAX
        && u32::from(read_or_zero::<u8>(sk, setting!(sk_userlocks))) & setting!(bind_locks) == 0
}

/// Whether the start is so recent that datagrams sent before it may still be answered.
#[inline(always)]
pub(crate) fn is_recent(now: u64) -> bool {
    now.saturating_sub(stage().since_ns) < ANSWER_NS
}
