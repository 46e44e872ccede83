//! Disks of a chosen size.

use std::path::Path;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Runs a function on a thread that has an empty disk of this size (`1m`) at a directory, as have its children. The
/// mount is private, and ends with the last of them.
///
/// # Panics
///
/// If the function panics, or the disk cannot be mounted.
pub fn with_small_disk(directory: &Path, size: &str, body: impl FnOnce() + Send) {
    let mounted = || {
        unshare(CloneFlags::CLONE_NEWNS).expect("root may have mounts of its own");
        let nothing = None::<&str>;
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).expect("they are its own");
        let size = format!("size={size}");
        mount(Some("tmpfs"), directory, Some("tmpfs"), MsFlags::empty(), Some(&*size)).expect("tmpfs is always there");
        body();
    };
    thread::scope(|scope| scope.spawn(mounted).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
}
