//! Digests of executables, computed beside the packet path: that reads files.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use egret_model::Process;

use super::wake::Wake;
use crate::judge::Digest;

/// Processes whose executables wait for their turn. Beyond, a digest is not had in time.
const WAITING: usize = 64;

/// Orders digests. The thread that computes them ends when this is dropped and it is done with the file that it reads: nobody
/// waits for that.
pub(super) struct Digests(SyncSender<Arc<Process>>);

impl Digests {
    /// Begins to compute digests; the bell rings for every one.
    pub(super) fn start(digest: Box<dyn Digest>, wake: Arc<Wake>) -> io::Result<Self> {
        let (orders, ordered) = sync_channel(WAITING);
        thread::Builder::new().name("egret-digest".into()).spawn(move || serve(digest, &ordered, &wake))?;
        Ok(Self(orders))
    }

    /// Orders the digest of what a process runs. Whether it can be had at all.
    pub(super) fn order(&self, process: &Arc<Process>) -> bool {
        self.0.try_send(Arc::clone(process)).is_ok()
    }
}

fn serve(mut digest: Box<dyn Digest>, ordered: &Receiver<Arc<Process>>, wake: &Wake) {
    for process in ordered {
        // Who computes it may have kept it there already. Computing it within `get_or_init` would wait for itself then.
        let digest = digest.digest(&process);
        let _ = process.executable.sha256.set(digest);
        wake.ring();
    }
}
