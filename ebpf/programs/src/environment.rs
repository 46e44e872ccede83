//! The one variable of a new image's environment that is looked for: the trace that it takes part in.
//!
//! Only on request: every exec then costs a call of a helper for each variable. No other variable is kept: each is read
//! over the one before, and the last is wiped.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user_str};
use egret_wire::{MAX_ARGS, MAX_DIRECTORY, MAX_PATH, TRACE_PARENT};

use crate::config::setting;
use crate::kernel::{follow, masked, read};
use crate::path::Scratch;

/// Bytes of a variable read at once. A longer one takes several turns.
pub(crate) const MAX_VARIABLE: usize = 512;
/// Variables looked at. Build machines set two hundred; what stands behind the last is not found.
const MAX_TURNS: usize = 512;

/// `TRACEPARENT=`, as three words.
const NAME: [u32; 3] = [u32::from_ne_bytes(*b"TRAC"), u32::from_ne_bytes(*b"EPAR"), u32::from_ne_bytes(*b"ENT=")];

/// Copies the value of `TRACEPARENT` to the scratch data at `at`, in [`TRACE_PARENT`] bytes, up to a NUL. An error where
/// there is none.
#[inline(always)]
pub(crate) fn trace_parent(scratch: &mut Scratch, at: usize, task: *const u8) -> Result<(), i32> {
    let value = find(scratch, task);
    wipe(scratch);
    let at = masked::<{ 2 * MAX_ARGS as i32 - 1 }>(at);
    if at > MAX_PATH + MAX_ARGS + MAX_DIRECTORY {
        return Err(-1);
    }
    let value = value?;
    // SAFETY: the data has room for a component of a path behind path, arguments and directory, which is more.
    let length = unsafe {
        let to = scratch.data.as_mut_ptr().add(at);
        bpf_probe_read_user_str(to.cast(), TRACE_PARENT as u32, value as *const _)
    };
    if length < 0 { Err(-1) } else { Ok(()) }
}

/// Address of the value in the process's memory.
#[inline(always)]
fn find(scratch: &mut Scratch, task: *const u8) -> Result<u64, i32> {
    let mm = follow(task, setting!(task_mm))?;
    let mut from: u64 = read(mm, setting!(mm_env_start))?;
    let end: u64 = read(mm, setting!(mm_env_end))?;
    let mut is_begin = true;
    for _ in 0..MAX_TURNS {
        if from >= end {
            return Err(-1);
        }
        // SAFETY: the helper writes at most the room that there is.
        let length = unsafe {
            bpf_probe_read_user_str(scratch.variable.as_mut_ptr().cast(), MAX_VARIABLE as u32, from as *const _)
        };
        if length <= 0 {
            return Err(-1);
        }
        if is_begin && is_trace_parent(scratch) {
            return Ok(from + size_of_val(&NAME) as u64);
        }
        // The length counts a NUL, which the helper puts where it had to stop as well.
        is_begin = (length as usize) < MAX_VARIABLE;
        from += length as u64 - u64::from(!is_begin);
    }
    Err(-1)
}

#[inline(always)]
fn is_trace_parent(scratch: &Scratch) -> bool {
    let words = scratch.variable.as_ptr().cast::<[u32; 3]>();
    // SAFETY: the first bytes of the room, which follows a value of eight-byte words and is a multiple of them.
    unsafe { words.read_volatile() == NAME }
}

/// The helper fills what it cannot read with zeroes, and nothing can be read at null.
#[inline(always)]
fn wipe(scratch: &mut Scratch) {
    // SAFETY: writes exactly the room.
    unsafe { bpf_probe_read_kernel(scratch.variable.as_mut_ptr().cast(), MAX_VARIABLE as u32, core::ptr::null()) };
}
