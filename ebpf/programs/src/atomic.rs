//! Atomic changes to words of maps.
//!
//! `core::sync::atomic` has no read-modify-write operations for this target, the instruction set (v3) does.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

/// Adds to a word.
#[inline(always)]
pub(crate) fn add(word: &mut u64, amount: u64) {
    // SAFETY: a valid, aligned word.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(word, amount) };
}

/// Sets a word to `new` if it is `old`; returns what it was.
#[inline(always)]
pub(crate) fn exchange(word: &mut u64, old: u64, new: u64) -> u64 {
    // SAFETY: a valid, aligned word.
    unsafe { atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(word, old, new).0 }
}
