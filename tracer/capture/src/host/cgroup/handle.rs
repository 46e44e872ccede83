//! The path of a cgroup by its id, without walking the hierarchy.

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use egret_model::escaped;

/// `FILEID_KERNFS` of the kernel's `include/linux/exportfs.h`: eight bytes, the id, since Linux 5.5.
const FILEID_KERNFS: c_int = 0xfe;
const ID_BYTES: libc::c_uint = 8;

/// `struct file_handle` with room for the id.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: c_int,
    id: [u8; 8],
}

const _: () = assert!(size_of::<Handle>() == 16 && std::mem::offset_of!(Handle, id) == 8);

/// The mount that ids are resolved on.
#[derive(Debug)]
pub(super) struct Hierarchy {
    root: File,
    mount_point: PathBuf,
}

impl Hierarchy {
    pub(super) fn open(mount_point: PathBuf) -> std::io::Result<Self> {
        Ok(Self { root: File::open(&mount_point)?, mount_point })
    }

    /// Path of the cgroup below the root of the hierarchy. `None` if it was removed, or without
    /// `CAP_DAC_READ_SEARCH`.
    pub(super) fn path_of(&self, id: u64) -> Option<String> {
        let group = self.open_by_id(id)?;
        let path = std::fs::read_link(format!("/proc/self/fd/{}", group.as_raw_fd())).ok()?;
        Some(escaped(self.below_root(&path)?.as_os_str().as_bytes()).into_owned())
    }

    fn open_by_id(&self, id: u64) -> Option<OwnedFd> {
        let mut handle = Handle { bytes: ID_BYTES, kind: FILEID_KERNFS, id: id.to_ne_bytes() };
        // SAFETY: `handle` has the layout of `struct file_handle` with `handle_bytes` bytes after it (asserted
        // above), lives through the call, and the kernel only reads it; the descriptor is open.
        let descriptor = unsafe {
            libc::open_by_handle_at(
                self.root.as_raw_fd(),
                (&raw mut handle).cast::<libc::file_handle>(),
                libc::O_PATH | libc::O_CLOEXEC,
            )
        };
        // SAFETY: a non-negative result is a new descriptor, which nothing else owns.
        (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    fn below_root(&self, path: &Path) -> Option<PathBuf> {
        let below = path.strip_prefix(&self.mount_point).ok()?;
        Some(Path::new("/").join(below))
    }
}
