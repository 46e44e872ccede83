//! Which records are written to the ring of names.
//!
//! While the ring is nearly empty, all of them. As it fills up, each user has a share of it for each kind of
//! record, so that a flood of one user takes nothing from others; questions are not written to the second half,
//! and TLS hellos not to the last quarter, because names come from answers.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_RING_SIZE};
use egret_wire::{Counter, Kind};

use crate::atomic;
use crate::maps::{NAMES, SHARES};
use crate::record::now;
use crate::values::{Share, ShareKey};

/// Duration of a share, nanoseconds: twice the reader's latency.
const WINDOW_NS: u64 = 100_000_000;
/// Part of the ring that a user's share of questions or greetings is.
const PART: u64 = 16;
/// Part of the ring that a user's share of answers is: a resolver of a busy host receives 128 KiB of them in this
/// time.
const PART_OF_ANSWERS: u64 = 4;

/// Whether a record of a user may take `length` bytes.
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
    let part = if kind == Kind::Answer as u8 { PART_OF_ANSWERS } else { PART };
    take(ShareKey { user, kind: u32::from(kind) }, length, size / part)
}

/// Takes from a share. Two CPUs that begin one at the same time may exceed it a little.
#[inline(always)]
fn take(key: ShareKey, length: u64, most: u64) -> bool {
    let now = now();
    if let Some(share) = SHARES.get_ptr_mut(key) {
        // SAFETY: a pointer from the map; other CPUs may write the same words, each of which is changed at once.
        let share = unsafe { &mut *share };
        if now.wrapping_sub(share.since_ns) < WINDOW_NS {
            atomic::add(&mut share.bytes, length);
            return share.bytes <= most;
        }
    }
    // A share that cannot be entered does not limit the record.
    let _ = SHARES.insert(key, Share { since_ns: now, bytes: length }, 0);
    true
}

/// The counter of lost records of a kind.
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
