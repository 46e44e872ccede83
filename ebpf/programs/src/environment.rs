//! The trace context in the environment of a new image: the variable `TRACEPARENT`.
//!
//! Only on request: every exec then costs a call of a helper for each variable. No other variable is kept: each is
//! read into the same buffer, which is cleared at the end.
//!
//! The search is a global function (Linux 5.6), which the verifier checks once and separately. Inlined, it would
//! be checked for each state of the program before it, which exceeds the limit of the verifier.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user_str};
use egret_wire::{MAX_ARGS, MAX_DIRECTORY, MAX_PATH, TRACE_PARENT};

use crate::config::setting;
use crate::kernel::{follow, masked, read};
use crate::maps::scratch;
use crate::values::{MAX_VARIABLE, Scratch};

/// Variables that are read at most. Build machines set two hundred.
const MAX_TURNS: usize = 512;

/// `TRACEPARENT=`, as three words.
const NAME: [u32; 3] = [u32::from_ne_bytes(*b"TRAC"), u32::from_ne_bytes(*b"EPAR"), u32::from_ne_bytes(*b"ENT=")];

/// Copies the value of `TRACEPARENT` to the scratch data at `at`, in [`TRACE_PARENT`] bytes, up to a NUL. An error if
/// there is none.
#[inline(always)]
pub(crate) fn trace_parent(at: usize, task: *const u8) -> Result<(), i32> {
    let mm = follow(task, setting!(task_mm))?;
    if egret_trace_parent(mm as u64, at as u64) == 0 { Err(-1) } else { Ok(()) }
}

/// Returns whether the environment of this address space has one. The verifier accepts only numbers as arguments
/// of a global function.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn egret_trace_parent(mm: u64, at: u64) -> u64 {
    let Some(scratch) = scratch() else { return 0 };
    u64::from(copy_value(scratch, mm as *const u8, at as usize).is_ok())
}

#[inline(always)]
fn copy_value(scratch: &mut Scratch, mm: *const u8, at: usize) -> Result<(), i32> {
    let value = find(scratch, mm);
    clear(scratch);
    let at = masked::<{ 2 * MAX_ARGS as i32 - 1 }>(at);
    if at > MAX_PATH + MAX_ARGS + MAX_DIRECTORY {
        return Err(-1);
    }
    let value = value?;
    // SAFETY: after path, arguments and directory the data has space for a component of a path, which is longer.
    let length = unsafe {
        let to = scratch.data.as_mut_ptr().add(at);
        bpf_probe_read_user_str(to.cast(), TRACE_PARENT as u32, value as *const _)
    };
    if length < 0 { Err(-1) } else { Ok(()) }
}

/// Address of the value in the process's memory.
#[inline(always)]
fn find(scratch: &mut Scratch, mm: *const u8) -> Result<u64, i32> {
    let mut from: u64 = read(mm, setting!(mm_env_start))?;
    let end: u64 = read(mm, setting!(mm_env_end))?;
    let mut is_begin = true;
    for _ in 0..MAX_TURNS {
        if from >= end {
            return Err(-1);
        }
        // SAFETY: the helper writes at most the length of the buffer.
        let length = unsafe {
            bpf_probe_read_user_str(scratch.variable.as_mut_ptr().cast(), MAX_VARIABLE as u32, from as *const _)
        };
        if length <= 0 {
            return Err(-1);
        }
        if is_begin && is_trace_parent(scratch) {
            return Ok(from + size_of_val(&NAME) as u64);
        }
        // The length includes a NUL, which the helper also writes if it had to stop.
        is_begin = (length as usize) < MAX_VARIABLE;
        from += length as u64 - u64::from(!is_begin);
    }
    Err(-1)
}

#[inline(always)]
fn is_trace_parent(scratch: &Scratch) -> bool {
    let words = scratch.variable.as_ptr().cast::<[u32; 3]>();
    // SAFETY: the first bytes of the buffer, which follows eight-byte words and has a multiple of their size.
    unsafe { words.read_volatile() == NAME }
}

/// Clears the buffer: the helper writes zeroes if it cannot read, as at null.
#[inline(always)]
fn clear(scratch: &mut Scratch) {
    // SAFETY: writes exactly the buffer.
    unsafe { bpf_probe_read_kernel(scratch.variable.as_mut_ptr().cast(), MAX_VARIABLE as u32, core::ptr::null()) };
}
