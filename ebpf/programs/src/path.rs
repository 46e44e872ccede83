//! The path of a file, walked up from its directory entry.
//!
//! The walk is a global function (Linux 5.6), which the verifier checks once and separately, not for each state of
//! the program before it. Two inlined walks would nearly reach the limit of the verifier.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use egret_wire::{EXEC_MEMORY, EXEC_PATH_TRUNCATED, MAX_DIRECTORY, MAX_PATH};

use crate::config::setting;
use crate::kernel::{follow, masked, read};
use crate::maps::scratch;
use crate::values::{MAX_NAME, MAX_START, Scratch};

/// Components that are walked at most. Deeper files are flagged.
const MAX_DEPTH: usize = 48;

/// Writes the path of `file` to the scratch data, from the file up to the root, each component followed by a
/// NUL. Returns the length and flags.
#[inline(always)]
pub(crate) fn write(file: *const u8) -> Result<(usize, u32), i32> {
    // `f_path` is embedded in the file.
    if setting!(file_path) == u32::MAX {
        return Err(-1);
    }
    let length = egret_walk(0, file.wrapping_add(setting!(file_path) as usize) as u64);
    match length {
        0..=MAX => Ok((length as usize, 0)),
        IN_MEMORY..=MAX_IN_MEMORY => Ok(((length - IN_MEMORY) as usize, EXEC_MEMORY)),
        TOO_LONG => Ok((0, EXEC_PATH_TRUNCATED)),
        _ => Err(-1),
    }
}

/// Writes the working directory of `task` after `at` bytes of the scratch data, in the same form, the root as one
/// NUL. Returns the length. An error if another process shares it (`CLONE_FS`, which exec keeps): it may change
/// before the program opens the files of its arguments.
#[inline(always)]
pub(crate) fn write_directory(at: usize, task: *const u8) -> Result<usize, i32> {
    let fs = follow(task, setting!(task_fs))?;
    let users: i32 = read(fs, setting!(fs_users))?;
    if users > 1 {
        return Err(-1);
    }
    // `pwd` is embedded in the structure.
    if setting!(fs_pwd) == u32::MAX {
        return Err(-1);
    }
    let length = egret_walk(at as u64, fs.wrapping_add(setting!(fs_pwd) as usize) as u64);
    match length {
        0 => {
            let scratch = scratch().ok_or(-1)?;
            let at = masked::<{ MAX_START as i32 }>(at);
            // SAFETY: `at` is inside the data.
            unsafe { *scratch.data.as_mut_ptr().add(at) = 0 };
            Ok(1)
        }
        1..=MAX_DIRECTORY_LENGTH => Ok(length as usize),
        _ => Err(-1),
    }
}

const MAX: i64 = MAX_PATH as i64 - 1;
const MAX_DIRECTORY_LENGTH: i64 = MAX_DIRECTORY as i64;
/// Added to the length of the name of a file in memory, which is in no directory.
const IN_MEMORY: i64 = 1 << 32;
const MAX_IN_MEMORY: i64 = IN_MEMORY + MAX;
/// The result for a path that does not fit.
const TOO_LONG: i64 = -2;

/// Writes a `struct path` after `at` bytes of the scratch data; returns its length, with [`IN_MEMORY`] added for a
/// file in memory, or [`TOO_LONG`], or another negative number if it cannot be read. The verifier accepts only
/// numbers as arguments of a global function.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn egret_walk(at: u64, path: u64) -> i64 {
    let Some(scratch) = scratch() else { return -1 };
    try_walk(scratch, at as usize, path as *const u8).unwrap_or(-1)
}

#[inline(always)]
fn try_walk(scratch: &mut Scratch, at: usize, path: *const u8) -> Result<i64, i32> {
    // `mnt` is embedded in the mount.
    if setting!(mount_mnt) == u32::MAX {
        return Err(-1);
    }
    let mut dentry = follow(path, setting!(path_dentry))?;
    let mut vfsmount = follow(path, setting!(path_mnt))?;
    let mut length = 0_usize;
    for _ in 0..MAX_DEPTH {
        let root = follow(vfsmount, setting!(vfsmount_root))?;
        let parent = follow(dentry, setting!(dentry_parent))?;
        if dentry == parent && dentry != root {
            // In no directory: a file in memory.
            return Ok(IN_MEMORY + component(scratch, at, length, dentry)? as i64);
        }
        if dentry == root || dentry == parent {
            let mount = vfsmount.wrapping_sub(setting!(mount_mnt) as usize);
            let above = follow(mount, setting!(mount_parent))?;
            if above == mount {
                return Ok(length as i64);
            }
            dentry = follow(mount, setting!(mount_mountpoint))?;
            vfsmount = above.wrapping_add(setting!(mount_mnt) as usize);
            continue;
        }
        length = component(scratch, at, length, dentry)?;
        if length >= MAX_PATH {
            return Ok(TOO_LONG);
        }
        dentry = parent;
    }
    Ok(TOO_LONG)
}

/// Appends the name of a directory entry and a NUL; returns the new length.
#[inline(always)]
fn component(scratch: &mut Scratch, start: usize, length: usize, dentry: *const u8) -> Result<usize, i32> {
    let name = follow(dentry, setting!(dentry_name))?;
    let size: u32 = read(dentry, setting!(dentry_length))?;
    let size = masked::<{ MAX_NAME as i32 }>(size as usize);
    let start = masked::<{ MAX_START as i32 }>(start);
    let at = masked::<{ MAX_PATH as i32 - 1 }>(length);
    // SAFETY: `start` is at most MAX_START, `at` below MAX_PATH and `size` at most MAX_NAME: both writes end
    // inside the data.
    unsafe {
        let to = scratch.data.as_mut_ptr().add(start).add(at);
        if bpf_probe_read_kernel(to.cast(), size as u32, name.cast()) != 0 {
            return Err(-1);
        }
        *to.add(size) = 0;
    }
    Ok(at + size + 1)
}
