//! The true path of a file, walked up from its directory entry.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use egret_wire::{EXEC_PATH_TRUNCATED, ExecHeader, MAX_ARGS, MAX_PATH};

use crate::config::setting;
use crate::environment::MAX_VARIABLE;
use crate::kernel::{follow, masked, read};

/// Longest component of a path (`NAME_MAX`).
const MAX_NAME: usize = 255;
/// Components walked at most. Deeper files are flagged.
const MAX_DEPTH: usize = 48;

/// Room for one exec record. The slack behind the path takes one more component before the length is checked,
/// so that the verifier sees every write inside.
#[repr(C)]
pub(crate) struct Scratch {
    pub(crate) header: ExecHeader,
    pub(crate) data: [u8; MAX_PATH + MAX_ARGS + MAX_NAME + 1],
    /// Where a variable of the environment is looked at; no part of the record.
    pub(crate) variable: [u8; MAX_VARIABLE],
}

/// Writes the path of `file` to the scratch data, from the file up to the root, each component followed by a
/// NUL. Returns the length and flags.
#[inline(always)]
pub(crate) fn write(scratch: &mut Scratch, file: *const u8) -> Result<(usize, u32), i32> {
    // `f_path` is embedded in the file, `mnt` in the mount.
    if setting!(file_path) == u32::MAX || setting!(mount_mnt) == u32::MAX {
        return Err(-1);
    }
    let path = file.wrapping_add(setting!(file_path) as usize);
    let mut dentry = follow(path, setting!(path_dentry))?;
    let mut vfsmount = follow(path, setting!(path_mnt))?;
    let mut length = 0_usize;
    for _ in 0..MAX_DEPTH {
        let root = follow(vfsmount, setting!(vfsmount_root))?;
        let parent = follow(dentry, setting!(dentry_parent))?;
        if dentry == root || dentry == parent {
            let mount = vfsmount.wrapping_sub(setting!(mount_mnt) as usize);
            let above = follow(mount, setting!(mount_parent))?;
            if above == mount {
                return Ok((length, 0));
            }
            dentry = follow(mount, setting!(mount_mountpoint))?;
            vfsmount = above.wrapping_add(setting!(mount_mnt) as usize);
            continue;
        }
        length = component(scratch, length, dentry)?;
        if length >= MAX_PATH {
            return Ok((0, EXEC_PATH_TRUNCATED));
        }
        dentry = parent;
    }
    Ok((0, EXEC_PATH_TRUNCATED))
}

/// Appends the name of a directory entry and a NUL; returns the new length.
#[inline(always)]
fn component(scratch: &mut Scratch, length: usize, dentry: *const u8) -> Result<usize, i32> {
    let name = follow(dentry, setting!(dentry_name))?;
    let size: u32 = read(dentry, setting!(dentry_length))?;
    let size = masked::<{ MAX_NAME as i32 }>(size as usize);
    let at = masked::<{ MAX_PATH as i32 - 1 }>(length);
    // SAFETY: `at` is below MAX_PATH and `size` at most MAX_NAME: both writes end inside the data.
    unsafe {
        let to = scratch.data.as_mut_ptr().add(at);
        if bpf_probe_read_kernel(to.cast(), size as u32, name.cast()) != 0 {
            return Err(-1);
        }
        *scratch.data.as_mut_ptr().add(at + size) = 0;
    }
    Ok(at + size + 1)
}
