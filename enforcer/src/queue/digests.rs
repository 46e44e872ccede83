//! Digests of executables, computed beside the packet path: that reads files.

use std::sync::Arc;

use egret_model::Process;

use super::wake::Wake;
use crate::evaluate::Digest;

/// Orders digests. A packet that waits for one is settled by the failure policy once its time is over.
pub(super) struct Digests {
    digest: Box<dyn Digest>,
    wake: Arc<Wake>,
}

impl Digests {
    /// The bell rings for every digest that is known.
    pub(super) fn new(digest: Box<dyn Digest>, wake: Arc<Wake>) -> Self {
        Self { digest, wake }
    }

    /// Orders the digest of what a process runs. Whether it can be had at all.
    pub(super) fn order(&self, process: &Arc<Process>) -> bool {
        let wake = Arc::clone(&self.wake);
        self.digest.order(process, Box::new(move || wake.ring()))
    }
}
