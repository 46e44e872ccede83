//! Totals of open connections, in a table that user space maps.
//!
//! A hook that counts bytes copies the totals of its socket into the table. No record is written and no clock is
//! read for that, and the totals of an idle connection are in the table too. Cookies are nearly sequential, so
//! that their last bits spread sockets evenly over the table.

use core::ptr;

use egret_state::Socket;
use egret_wire::{CONFIG_TOTALS, TOTALS_BUCKETS, TotalsBucket, TotalsSlot};

use crate::atomic;
use crate::config::has;
use crate::maps::TOTALS;

/// Instead of a cookie: a program is about to write the slot.
const CLAIMED: u64 = u64::MAX;

#[inline(always)]
fn bucket(socket: &Socket) -> Option<&'static mut TotalsBucket> {
    if !has(CONFIG_TOTALS) {
        return None;
    }
    // SAFETY: a pointer from the map, valid for this run. Each slot is written by the programs that run for its
    // socket.
    TOTALS.get_ptr_mut(socket.cookie as u32 % TOTALS_BUCKETS).map(|bucket| unsafe { &mut *bucket })
}

/// Publishes the totals of the socket and its current peer. A socket without a free slot is reported only at its end.
#[inline(always)]
pub(crate) fn publish(socket: &Socket) {
    let Some(bucket) = bucket(socket) else { return };
    for slot in &mut bucket.slots {
        if slot.cookie == socket.cookie {
            if slot.opened_ns == socket.opened_ns {
                copy(slot, socket);
            } else if atomic::exchange(&mut slot.cookie, socket.cookie, CLAIMED) == socket.cookie {
                begin(slot, socket);
            }
            return;
        }
    }
    for slot in &mut bucket.slots {
        if slot.cookie == 0 && atomic::exchange(&mut slot.cookie, 0, CLAIMED) == 0 {
            begin(slot, socket);
            return;
        }
    }
}

/// The connection has ended, or its totals are about to be moved to the peer table.
#[inline(always)]
pub(crate) fn withdraw(socket: &Socket) {
    let Some(bucket) = bucket(socket) else { return };
    for slot in &mut bucket.slots {
        if slot.cookie == socket.cookie {
            // SAFETY: a valid word; volatile, so that it is written now.
            unsafe { ptr::write_volatile(&raw mut slot.cookie, 0) };
        }
    }
}

/// Assigns a claimed slot to the socket. The version shows a reader that the slot was reassigned meanwhile.
#[inline(always)]
fn begin(slot: &mut TotalsSlot, socket: &Socket) {
    // SAFETY: valid words; volatile, so that they are written in this order.
    unsafe {
        ptr::write_volatile(&raw mut slot.version, slot.version + 1);
        ptr::write_volatile(&raw mut slot.opened_ns, socket.opened_ns);
    }
    copy(slot, socket);
    // SAFETY: as above.
    unsafe { ptr::write_volatile(&raw mut slot.cookie, socket.cookie) };
}

#[inline(always)]
fn copy(slot: &mut TotalsSlot, socket: &Socket) {
    // SAFETY: valid words. Volatile, because other threads may have added to them.
    unsafe {
        ptr::write_volatile(&raw mut slot.sent, ptr::read_volatile(&raw const socket.sent));
        ptr::write_volatile(&raw mut slot.received, ptr::read_volatile(&raw const socket.received));
    }
}
