//! Which file a file is, as the kernel and as `stat(2)` see it.
//!
//! The two disagree on some file systems. The kernel side reports `inode->i_sb->s_dev`; `stat(2)` reports
//! what the file system chooses, and btrfs (a device a subvolume) and overlayfs (the lower layer's device)
//! choose something else. So where numbers differ, the number of the super block is asked for:
//! `/proc/PID/fdinfo/FD` gives the mount and the inode number of an open file, `/proc/PID/mountinfo` the
//! super block's device of a mount.

use std::fs::{File, Metadata};
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

/// What `stat(2)` says a file is.
pub(crate) fn identity(metadata: &Metadata) -> FileId {
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

/// In which state its content is.
pub(crate) fn state_of(metadata: &Metadata) -> FileState {
    const NANOS: i64 = 1_000_000_000;
    let changed_ns = metadata.ctime().saturating_mul(NANOS).saturating_add(metadata.ctime_nsec());
    FileState { size: metadata.size(), changed_ns }
}

/// Whether an open file is the one named, by `stat(2)`'s numbers or by the super block's.
///
/// `process` is one in whose mount namespace the file was opened, besides this one's.
pub(crate) fn is_same(file: &File, metadata: &Metadata, wanted: FileId, process: u32) -> bool {
    identity(metadata) == wanted || super_block_identity(file, process) == Some(wanted)
}

/// Super block's device and inode number of an open file. Costs two small reads, more with many mounts.
fn super_block_identity(file: &File, process: u32) -> Option<FileId> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let (mount, inode) = parse_fdinfo(&info)?;
    let device = mount_device(Path::new("/proc/self/mountinfo"), mount)
        .or_else(|| mount_device(Path::new(&format!("/proc/{process}/mountinfo")), mount))?;
    Some(FileId { device, inode })
}

/// `mnt_id` and `ino` (Linux 5.14).
fn parse_fdinfo(info: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse::<u64>().ok())
    };
    Some((field("mnt_id")?, field("ino")?))
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

    /// The kernel's own encoding of a device, made from what mountinfo prints.
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
    fn wide_numbers_keep_all_their_bits() {
        let device = kernel_device_to_stat(0xabc << 20 | 0xf_1234);
        assert_eq!(nix::sys::stat::major(device), 0xabc);
        assert_eq!(nix::sys::stat::minor(device), 0xf_1234);
    }

    #[test]
    fn super_block_identity_of_a_plain_file_is_what_stat_says() {
        let file = File::open("/proc/self/status").unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!(super_block_identity(&file, std::process::id()), Some(identity(&metadata)));
    }

    #[test]
    fn broken_tables_have_no_answer() {
        assert_eq!(parse_fdinfo("pos:\t0\nmnt_id:\tx\nino:\t5\n"), None);
        assert_eq!(parse_fdinfo("pos:\t0\nmnt_id:\t5\n"), None);
        assert_eq!(parse_mount_device("5 1 8\n5\n\n6 1 8:1 / / rw\n", 5), None);
        assert_eq!(parse_mount_device("5 1 8\n5\n\n6 1 8:1 / / rw\n", 6), Some(makedev(8, 1)));
    }
}
