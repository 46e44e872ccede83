//! The identity of a file, by the kernel and by `stat(2)`.
//!
//! The two differ on some file systems. The kernel side reports `inode->i_sb->s_dev`; in `stat(2)` btrfs reports a
//! device for each subvolume, and overlayfs that of the lower layer. If numbers differ, the device of the super
//! block is read: `/proc/PID/fdinfo/FD` has the mount and the inode number of an open file, `/proc/PID/mountinfo`
//! the device of a mount's super block.

use std::fs::{File, Metadata};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use egret_model::{FileId, FileState};
use nix::sys::stat::makedev;

/// A device number of the kernel (`major << 20 | minor`) as `stat(2)` encodes it.
#[must_use]
pub const fn kernel_device_to_stat(device: u32) -> u64 {
    const MINOR_BITS: u32 = 20;
    makedev((device >> MINOR_BITS) as u64, (device & ((1 << MINOR_BITS) - 1)) as u64)
}

/// Identity of a file by `stat(2)`.
pub(crate) fn identity(metadata: &Metadata) -> FileId {
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

/// Identity of an open file from the kernel's memory (`AT_STATX_DONT_SYNC`), without a request to its file system,
/// which may not answer.
pub(crate) fn cached_identity(file: &File) -> Option<FileId> {
    let mut status = MaybeUninit::<libc::statx>::uninit();
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    // SAFETY: the path is an empty string with its NUL, and the kernel writes a whole `statx` or fails.
    let status = unsafe {
        let done = libc::statx(file.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_INO, status.as_mut_ptr()) == 0;
        done.then(|| status.assume_init())?
    };
    let device = makedev(u64::from(status.stx_dev_major), u64::from(status.stx_dev_minor));
    Some(FileId { device, inode: status.stx_ino })
}

/// State of the content.
pub(crate) fn state_of(metadata: &Metadata) -> FileState {
    const NANOS: i64 = 1_000_000_000;
    let changed_ns = metadata.ctime().saturating_mul(NANOS).saturating_add(metadata.ctime_nsec());
    FileState { size: metadata.size(), changed_ns }
}

/// Whether an open file has the identity `wanted`, by `stat(2)` (`found`) or by its super block.
///
/// `process` is a process in whose mount namespace the file may have been opened; the other is this one's.
pub(crate) fn is_same(file: &File, found: FileId, wanted: FileId, process: u32) -> bool {
    found == wanted || super_block_identity(file, process) == Some(wanted)
}

/// Device of the super block and inode number of an open file. Takes two short reads, longer ones with many mounts.
fn super_block_identity(file: &File, process: u32) -> Option<FileId> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let (mount, inode) = parse_fdinfo(&info)?;
    let device = mount_device(Path::new("/proc/self/mountinfo"), mount)
        .or_else(|| mount_device(Path::new(&format!("/proc/{process}/mountinfo")), mount))?;
    Some(FileId { device, inode })
}

/// Number of the mount that a file was opened on.
pub(crate) fn mount_of(file: &File) -> Option<u64> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    field(&info, "mnt_id")
}

fn field(info: &str, name: &str) -> Option<u64> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
}

/// `mnt_id` and `ino` (Linux 5.14).
fn parse_fdinfo(info: &str) -> Option<(u64, u64)> {
    Some((field(info, "mnt_id")?, field(info, "ino")?))
}

fn mount_device(mountinfo: &Path, mount: u64) -> Option<u64> {
    let table = std::fs::read(mountinfo).ok()?;
    parse_mount_device(&String::from_utf8_lossy(&table), mount)
}

/// The third field, `major:minor`, of the mount's line (`proc_pid_mountinfo(5)`).
fn parse_mount_device(table: &str, mount: u64) -> Option<u64> {
    table.lines().find_map(|line| {
        let mut fields = line.split(' ');
        if fields.next()?.parse::<u64>() != Ok(mount) {
            return None;
        }
        let (major, minor) = fields.nth(1)?.split_once(':')?;
        Some(makedev(major.parse().ok()?, minor.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's encoding of the device in mountinfo.
    fn kernel_device_of(path: &str) -> u32 {
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let line = table.lines().find(|line| line.split(' ').nth(4) == Some(path)).unwrap();
        let (major, minor) = line.split(' ').nth(2).unwrap().split_once(':').unwrap();
        major.parse::<u32>().unwrap() << 20 | minor.parse::<u32>().unwrap()
    }

    #[test]
    fn kernel_device_is_the_device_that_stat_reports() {
        for mount in ["/proc", "/sys"] {
            let stat = std::fs::metadata(mount).unwrap().dev();
            assert_eq!(kernel_device_to_stat(kernel_device_of(mount)), stat, "{mount}");
        }
    }

    #[test]
    fn all_bits_of_large_numbers_are_kept() {
        let device = kernel_device_to_stat(0xabc << 20 | 0xf_1234);
        assert_eq!(nix::sys::stat::major(device), 0xabc);
        assert_eq!(nix::sys::stat::minor(device), 0xf_1234);
    }

    #[test]
    fn super_block_identity_of_a_plain_file_is_that_of_stat() {
        let file = File::open("/proc/self/status").unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!(super_block_identity(&file, std::process::id()), Some(identity(&metadata)));
    }

    #[test]
    fn malformed_tables_are_ignored() {
        assert_eq!(parse_fdinfo("pos:\t0\nmnt_id:\tx\nino:\t5\n"), None);
        assert_eq!(parse_fdinfo("pos:\t0\nmnt_id:\t5\n"), None);
        assert_eq!(parse_mount_device("5 1 8\n5\n\n6 1 8:1 / / rw\n", 5), None);
        assert_eq!(parse_mount_device("5 1 8\n5\n\n6 1 8:1 / / rw\n", 6), Some(makedev(8, 1)));
    }
}
