//! The table of totals of open connections, mapped into memory.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use egret_wire::{TOTALS_BUCKETS, TotalsBucket, TotalsSlot};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

const BYTES: NonZeroUsize = NonZeroUsize::new(TOTALS_BUCKETS as usize * size_of::<TotalsBucket>()).unwrap();
const SLOTS: usize = size_of::<TotalsBucket>() / size_of::<TotalsSlot>();
/// A slot that changes while it is read is read again.
const ATTEMPTS: usize = 3;

/// [`TotalsSlot`] with atomic words, because the kernel side writes it.
#[repr(C)]
struct SharedSlot {
    cookie: AtomicU64,
    version: AtomicU64,
    opened_ns: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

const _: () =
    assert!(size_of::<SharedSlot>() == size_of::<TotalsSlot>() && align_of::<SharedSlot>() == align_of::<TotalsSlot>());

/// The table, read-only.
#[derive(Debug)]
pub(super) struct Totals {
    start: NonNull<SharedSlot>,
}

// SAFETY: the memory is mapped for as long as this lives, wherever that is, and holds atomic words alone.
unsafe impl Send for Totals {}
// SAFETY: as above.
unsafe impl Sync for Totals {}

impl Totals {
    pub(super) fn map(table: impl AsFd) -> io::Result<Self> {
        // SAFETY: a new mapping, which no other memory is part of.
        let start = unsafe { mmap(None, BYTES, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, table, 0)? };
        Ok(Self { start: start.cast() })
    }

    /// The totals of a socket's current connection, if it is in the table.
    pub(super) fn find(&self, cookie: u64) -> Option<TotalsSlot> {
        let bucket = usize::try_from(cookie % u64::from(TOTALS_BUCKETS)).ok()?;
        (bucket * SLOTS..).take(SLOTS).find_map(|index| {
            // SAFETY: `bucket` is less than the number of buckets, so that the slot lies in the mapping, which is
            // aligned to pages; every bit pattern is a valid slot, and the kernel side changes whole words.
            let slot = unsafe { self.start.add(index).as_ref() };
            (0..ATTEMPTS).find_map(|_| read(slot, cookie))
        })
    }
}

impl Drop for Totals {
    fn drop(&mut self) {
        // SAFETY: the mapping that was made, of which no reference is left.
        let _ = unsafe { munmap(self.start.cast(), BYTES.get()) };
    }
}

/// The totals of a socket in this slot; `None` if the slot is another socket's, or was reused meanwhile.
fn read(slot: &SharedSlot, cookie: u64) -> Option<TotalsSlot> {
    let version = slot.version.load(Ordering::Acquire);
    if slot.cookie.load(Ordering::Acquire) != cookie {
        return None;
    }
    let found = TotalsSlot {
        cookie,
        version,
        opened_ns: slot.opened_ns.load(Ordering::Relaxed),
        sent: slot.sent.load(Ordering::Relaxed),
        received: slot.received.load(Ordering::Relaxed),
    };
    fence(Ordering::Acquire);
    let same = slot.cookie.load(Ordering::Relaxed) == cookie && slot.version.load(Ordering::Relaxed) == version;
    same.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(cookie: u64) -> SharedSlot {
        SharedSlot {
            cookie: AtomicU64::new(cookie),
            version: AtomicU64::new(3),
            opened_ns: AtomicU64::new(5),
            sent: AtomicU64::new(7),
            received: AtomicU64::new(9),
        }
    }

    #[test]
    fn slot_of_another_socket_is_not_returned() {
        assert_eq!(read(&slot(1), 2), None);
        assert_eq!(read(&slot(0), 2), None);
        let found = TotalsSlot { cookie: 2, version: 3, opened_ns: 5, sent: 7, received: 9 };
        assert_eq!(read(&slot(2), 2), Some(found));
    }
}
