//! The start: what is older than egret, and what is under way while hooks are being attached.
//!
//! Hooks become effective one after the other. A socket that one of them has seen and another has missed would be reported
//! with half a history: a connect that fails, an answer that opens a connection. Until user space says that all are
//! attached, no socket gets a state ([`is_attached`]), and every hook takes a socket without a state for a preexisting one.

use egret_wire::{ANSWER_NS, Kind, STAGE_ATTACHING, STAGE_LISTING, Stage, UNDIRECTED};

use crate::config::setting;
use crate::kernel::read_or_zero;
use crate::maps::STAGE;
use crate::record::{self, Detail};
use crate::socket::{ANSWERED, Socket};

/// `SOCK_BINDPORT_LOCK` in include/net/sock.h: a program chose the port.
const BINDPORT_LOCK: u8 = 8;

#[inline(always)]
fn stage() -> Stage {
    STAGE.get(0).copied().unwrap_or_default()
}

/// Whether every hook is attached.
#[inline(always)]
pub(crate) fn is_attached() -> bool {
    stage().stage != STAGE_ATTACHING
}

/// A socket was connected. While user space lists sockets it needs to know that this one is new.
#[inline(always)]
pub(crate) fn begun(socket: &Socket, now: u64) {
    if stage().stage == STAGE_LISTING {
        record::write(Kind::Begun, now, socket, Detail::default());
    }
}

/// Whether a listener made the socket: it has a copy of the listener's backlog, which no other socket has.
#[inline(always)]
pub(crate) fn is_accepted(sk: *const u8) -> bool {
    read_or_zero::<u32>(sk, setting!(sk_max_ack_backlog)) != 0
}

/// Flags of a datagram socket that is seen for the first time: what the first datagram says of who spoke first. It may answer
/// one that was not seen.
#[inline(always)]
pub(crate) fn direction(sk: *const u8, is_received: bool) -> u32 {
    if !is_recent(record::now()) {
        0
    } else if !is_port_automatic(sk) {
        UNDIRECTED
    } else if is_received {
        ANSWERED
    } else {
        0
    }
}

/// Whether the kernel chose the local port: nobody can send there who was not sent to.
#[inline(always)]
fn is_port_automatic(sk: *const u8) -> bool {
    setting!(sk_userlocks) != u32::MAX && read_or_zero::<u8>(sk, setting!(sk_userlocks)) & BINDPORT_LOCK == 0
}

/// Whether the start is so recent that what was sent before it may still be answered.
#[inline(always)]
pub(crate) fn is_recent(now: u64) -> bool {
    now.saturating_sub(stage().since_ns) < ANSWER_NS
}
