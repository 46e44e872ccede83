//! A disk of a megabyte in a private mount namespace.

use std::path::Path;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Runs `work` on a thread that has a tmpfs of this size at `directory`, as have the threads that it starts. The
/// mount ends with the last of them.
pub(crate) fn with_small_disk(directory: &Path, size: &str, work: impl FnOnce() + Send) {
    let mounted = || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let nothing = None::<&str>;
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
        let size = format!("size={size}");
        mount(Some("tmpfs"), directory, Some("tmpfs"), MsFlags::empty(), Some(&*size)).unwrap();
        work();
    };
    thread::scope(|scope| {
        if let Err(panic) = scope.spawn(mounted).join() {
            std::panic::resume_unwind(panic);
        }
    });
}
