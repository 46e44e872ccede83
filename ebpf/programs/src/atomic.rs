//! Atomic changes to words of maps.
//!
//! `core::sync::atomic` has no read-modify-write operations for this target, the instruction set (v3) does.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

use egret_wire::CONFIG_ATOMICS;

use crate::config::has;

/// Adds to a word.
#[inline(always)]
pub(crate) fn add(word: &mut u64, amount: u64) {
    // SAFETY: a valid, aligned word.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(word, amount) };
}

/// Sets a word to `new` if it is `old`; returns its value before. Before Linux 5.12 this is not atomic: what two
/// CPUs do at the same time may be reported twice there.
#[inline(always)]
pub(crate) fn exchange(word: &mut u64, old: u64, new: u64) -> u64 {
    if !has(CONFIG_ATOMICS) {
        let was = *word;
        if was == old {
            *word = new;
        }
        return was;
    }
    // SAFETY: a valid, aligned word.
    unsafe { atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(word, old, new).0 }
}
