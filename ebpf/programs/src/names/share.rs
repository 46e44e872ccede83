//! Which records get room in the ring of names.
//!
//! While there is plenty, all of them. As the ring fills up, each user has a share of it for each kind of record, so that a flood
//! of one user takes nothing from the others; questions get none of the second half, and greetings none of the last
//! quarter: answers are what names come from.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_RING_SIZE};
use egret_wire::{Counter, Kind};

use crate::atomic;
use crate::maps::{NAMES, SHARES};
use crate::record::now;

/// For how long a share is, nanoseconds: twice what the reader lets records wait.
const WINDOW_NS: u64 = 100_000_000;
/// Part of the ring that a share is.
const PART: u64 = 16;

/// A share, by user and kind of record.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct ShareKey {
    user: u32,
    kind: u32,
}

/// What was taken.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Share {
    /// When it began.
    since_ns: u64,
    bytes: u64,
}

/// Whether a record of a user may have room for `length` bytes.
#[inline(always)]
pub(crate) fn has_room(kind: Kind, user: u32, length: u64) -> bool {
    let waiting = NAMES.query(u64::from(BPF_RB_AVAIL_DATA));
    let size = NAMES.query(u64::from(BPF_RB_RING_SIZE));
    if waiting < size / 4 {
        return true;
    }
    let kind = kind as u8;
    if kind == Kind::Question as u8 && waiting >= size / 2 {
        return false;
    }
    if kind == Kind::Hello as u8 && waiting >= size / 4 * 3 {
        return false;
    }
    take(ShareKey { user, kind: u32::from(kind) }, length, size / PART)
}

/// Takes from a share. Two CPUs that begin one at the same time may make it a little larger.
#[inline(always)]
fn take(key: ShareKey, length: u64, most: u64) -> bool {
    let now = now();
    if let Some(share) = SHARES.get_ptr_mut(&key) {
        // SAFETY: a pointer from the map; other CPUs may write the same words, each of which is changed at once.
        let share = unsafe { &mut *share };
        if now.wrapping_sub(share.since_ns) < WINDOW_NS {
            atomic::add(&mut share.bytes, length);
            return share.bytes <= most;
        }
    }
    // A share that cannot be entered is not taken from: there is room then, or there is none.
    let _ = SHARES.insert(&key, &Share { since_ns: now, bytes: length }, 0);
    true
}

/// The counter of records of a kind for which there was no room.
#[inline(always)]
pub(crate) fn lost(kind: Kind) -> Counter {
    let kind = kind as u8;
    if kind == Kind::Answer as u8 {
        Counter::AnswersLost
    } else if kind == Kind::Question as u8 {
        Counter::QuestionsLost
    } else {
        Counter::GreetingsLost
    }
}
