//! A cache of digests.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use egret_model::{BuildId, Executable, FileId, FileState, Sha256};
use lru::LruCache;

/// Files kept; the least recently used is evicted. An entry is a key, two digests and its share of the table,
/// about 350 bytes: 1.5 MB when full.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// The digests of one state of a file; `None` if one cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) build_id: Option<BuildId>,
    /// `None` too if it was not requested.
    pub(super) sha256: Option<Sha256>,
}

/// Digests by file and state of its content.
#[derive(Clone, Debug)]
pub struct Known(Arc<Mutex<LruCache<(FileId, FileState), Digests>>>);

impl Default for Known {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(CAPACITY))))
    }
}

impl Known {
    pub(super) fn get(&self, file: FileId, state: FileState) -> Option<Digests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(file, state)).cloned()
    }

    pub(super) fn put(&self, file: FileId, state: FileState, digests: Digests) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put((file, state), digests);
    }

    /// Sets the digests of an executable that are known for this state of its file; returns whether they are
    /// complete. Makes no system call.
    pub(super) fn recall(&self, executable: &Executable, with_sha256: bool) -> bool {
        let Some((file, state)) = executable.file.zip(executable.state) else { return false };
        let Some(digests) = self.get(file, state) else { return false };
        let is_complete = !with_sha256 || digests.sha256.is_some();
        digests.set(executable, with_sha256 && is_complete);
        is_complete
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Digests {
    pub(super) fn set(self, executable: &Executable, with_sha256: bool) {
        // Another thread may have set the same.
        let _ = executable.build_id.set(self.build_id);
        if with_sha256 {
            let _ = executable.sha256.set(self.sha256);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_is_bounded() {
        let known = Known::default();
        for inode in 0..5000 {
            let state = FileState { size: 0, changed_ns: 0 };
            known.put(FileId { device: 1, inode }, state, Digests { build_id: None, sha256: None });
        }
        assert_eq!(known.len(), CAPACITY.get());
    }
}
