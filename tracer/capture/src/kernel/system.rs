//! System calls about programs and memory that no library has.

use std::ffi::c_int;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use aya_obj::generated::{bpf_cmd, bpf_prog_info};

use super::features;

/// Asks the kernel how many runs of a program it skipped; a few microseconds.
pub(super) fn recursion_misses(program: BorrowedFd<'_>) -> Option<u64> {
    /// What `BPF_OBJ_GET_INFO_BY_FD` reads of `union bpf_attr`.
    #[repr(C)]
    struct Attributes {
        descriptor: c_int,
        length: u32,
        info: *mut bpf_prog_info,
    }
    // SAFETY: integers and bit fields, for which zeroes are valid.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let length = u32::try_from(size_of::<bpf_prog_info>()).ok()?;
    let mut attributes = Attributes { descriptor: program.as_raw_fd(), length, info: &raw mut info };
    // SAFETY: the kernel reads the attributes and writes at most `length` bytes to `info`; both live through the
    // call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_OBJ_GET_INFO_BY_FD as c_int,
            &raw mut attributes,
            size_of::<Attributes>(),
        )
    };
    // An older kernel writes less, and leaves zero.
    (result == 0).then_some(info.recursion_misses)
}

/// Returns unused memory to the system: the kernel's type information takes ten megabytes while it is parsed.
pub fn trim_memory() {
    // SAFETY: takes no pointers; allocations in use are not touched.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Waits until every program run that had begun is over: `membarrier(2)` waits for an RCU grace period, and
/// programs run inside read-side sections. Without it a run or two on other CPUs may last some microseconds
/// longer.
pub(super) fn wait_for_grace_period() {
    // SAFETY: a system call that takes no pointers.
    unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
}

/// Before Linux 5.11 the memory of maps counts as locked, of which a service may have 64 KiB. If the limit may not
/// be raised, the kernel refuses a map and the error of that is reported.
pub(super) fn lift_memory_limit() {
    if !features::is_before(5, 11) {
        return;
    }
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: reads the structure, which lives through the call.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
}
