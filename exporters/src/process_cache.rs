//! A cache of what encoders make of processes.

use std::sync::Arc;

use egret_model::{Completeness, Process};

/// Processes in the cache. At any time few processes cause most events. An entry takes the length of the encoded process, some
/// hundred bytes (24 KB with the longest arguments).
const CACHED_PROCESSES: usize = 8;

/// Half of an encoded event describes the process and is the same for all events of the process, so it is encoded once and copied
/// afterwards.
#[derive(Debug, Default)]
pub(crate) struct ProcessCache {
    entries: Vec<Entry>,
    /// The entry that is evicted next.
    next: usize,
}

#[derive(Debug)]
struct Entry {
    /// Kept alive, so that its address identifies it.
    process: Arc<Process>,
    completeness: Completeness,
    encoded: Vec<u8>,
}

impl ProcessCache {
    /// The encoded process. It is encoded if it is not cached, or more is known of it since.
    pub(crate) fn get_or_encode(&mut self, process: &Arc<Process>, encode: impl FnOnce() -> Vec<u8>) -> &[u8] {
        let completeness = process.completeness();
        let matches = |entry: &Entry| entry.completeness == completeness && Arc::ptr_eq(&entry.process, process);
        let index =
            self.entries.iter().position(matches).unwrap_or_else(|| {
                self.insert(Entry { process: Arc::clone(process), completeness, encoded: encode() })
            });
        self.entries.get(index).map_or(&[], |entry| &entry.encoded)
    }

    fn insert(&mut self, entry: Entry) -> usize {
        if self.entries.len() < CACHED_PROCESSES {
            self.entries.push(entry);
            return self.entries.len() - 1;
        }
        let index = self.next;
        self.next = (self.next + 1) % CACHED_PROCESSES;
        if let Some(slot) = self.entries.get_mut(index) {
            *slot = entry;
        }
        index
    }
}
