//! Packet sockets, whose release no hook sees: `sock_release` runs only for Internet sockets.
//!
//! Their totals are in a map, which outlives the socket. User space writes the cookie of one of them to a map, and
//! then releases a socket of its own, for which this hook writes the answer. So a check does not slow other
//! programs down, works in every network namespace, and needs no privilege but the open map.

use core::ffi::c_void;

use egret_state::{Direction, Socket, add_moved, first_moved};
use egret_wire::{Counter, PacketSocket};

use crate::config::setting;
use crate::kernel::{address_of, read_or_zero};
use crate::maps::{ASKED, UNRELEASED, count};
use crate::platform::Kernel;

/// Adds to the totals of a packet socket.
#[inline(always)]
pub(crate) fn moved(socket: &Socket, sk: *mut c_void, amount: u64, direction: Direction) {
    // SAFETY: a pointer from the map, valid for this run.
    if let Some(entry) = UNRELEASED.get_ptr_mut(socket.cookie).map(|entry| unsafe { &mut *entry }) {
        add_moved::<Kernel>(&mut entry.totals, amount, direction);
        return;
    }
    let totals = first_moved(socket.opened_ns, amount, direction);
    let entry = PacketSocket { totals, address: address_of(sk) as u64, is_gone: 0 };
    if UNRELEASED.insert(socket.cookie, entry, 0).is_err() {
        count(Counter::PeerTable, 1);
    }
}

/// Writes whether the packet socket that user space asks for is closed. Its memory may have been reused by another
/// socket, whose cookie differs: cookies are never reused. A closed socket with packets in flight has no file any
/// more.
#[inline(always)]
pub(crate) fn check() {
    let Some(cookie) = ASKED.get(0).copied().filter(|cookie| *cookie != 0) else { return };
    // SAFETY: a pointer from the map, valid for this run.
    let Some(entry) = UNRELEASED.get_ptr_mut(cookie).map(|entry| unsafe { &mut *entry }) else { return };
    if setting!(skc_cookie) == u32::MAX || setting!(sk_socket) == u32::MAX {
        return;
    }
    let address = entry.address as *const u8;
    let is_there = read_or_zero::<u64>(address, setting!(skc_cookie)) == cookie;
    let is_open = is_there && read_or_zero::<u64>(address, setting!(sk_socket)) != 0;
    entry.is_gone = u64::from(!is_open);
}
