//! Tracepoint `sched:sched_process_exec`: a process executes another image.
//!
//! Source: `exec_binprm` in fs/exec.c; Linux 3.4. Context of the process, after its memory was replaced.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::bpf_probe_read_kernel_str_bytes;
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_smp_processor_id, bpf_probe_read_user, bpf_ringbuf_output,
};
use aya_ebpf::macros::{btf_tracepoint, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use egret_wire::{
    CONFIG_TRACE_CONTEXT, Counter, EXEC_ARGS_TRUNCATED, EXEC_NO_PATH, EXEC_PATH_AS_TYPED, EXEC_TRACE_PARENT,
    ExecHeader, Header, Kind, MAX_ARGS, MAX_DIRECTORY, MAX_PATH, ProcessKey, ProcessRef, TRACE_PARENT, VERSION,
};

use crate::config::{has, setting};
use crate::environment;
use crate::kernel::{follow, masked, read};
use crate::maps::{EXECS, PROCESSES, count, scratch};
use crate::mounts;
use crate::path;
use crate::process::{effective_uid, parent_of, start_of};
use crate::record;
use crate::values::Scratch;

#[btf_tracepoint(function = "sched_process_exec")]
pub(crate) fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(0);
    try_exec(task);
    0
}

fn try_exec(task: *const u8) -> Option<()> {
    let now = record::now();
    let process = enter(task, now);
    let mut flags = 0;
    let (mut inode, mut device) = (0_u64, 0_u32);
    let (mut size, mut changed_ns) = (0, 0);
    let mut path_length = 0;
    if let Ok(file) = executable(task) {
        flags |= mounts::view(task, file);
        (inode, device) = identity(file).unwrap_or((0, 0));
        (size, changed_ns) = state(file).unwrap_or((0, 0));
        match path::write(file) {
            Ok((length, truncated)) => {
                path_length = length;
                flags |= truncated;
            }
            Err(_) => flags |= EXEC_NO_PATH,
        }
    } else {
        flags |= EXEC_NO_PATH;
    }
    let (args_length, truncated) = arguments(scratch()?, path_length, task).unwrap_or((0, 0));
    flags |= truncated;
    let mut data = path_length + args_length;
    let directory_length = path::write_directory(data, task).unwrap_or(0);
    data += directory_length;
    if has(CONFIG_TRACE_CONTEXT) && environment::trace_parent(data, task).is_ok() {
        flags |= EXEC_TRACE_PARENT;
        data += TRACE_PARENT;
    }
    let scratch = scratch()?;
    scratch.header = ExecHeader {
        header: header(data, flags, now),
        process,
        inode,
        device,
        path_length: path_length as u16,
        args_length: args_length as u16,
        directory_length: directory_length as u16,
        reserved: [0; 3],
        size,
        changed_ns,
    };
    write(scratch, data);
    Some(())
}

/// Without the kernel's types: the path as it was passed to `execve`, and no arguments.
///
/// The fields of the tracepoint: `__data_loc filename` at 8.
#[tracepoint]
pub(crate) fn exec_untyped(ctx: TracePointContext) -> u32 {
    let _ = try_exec_untyped(&ctx);
    0
}

fn try_exec_untyped(ctx: &TracePointContext) -> Result<(), i32> {
    let scratch = scratch().ok_or(-1)?;
    let now = record::now();
    let process = enter(core::ptr::null(), now);
    // SAFETY: offset from the tracepoint's format, which is stable.
    let location: u32 = unsafe { ctx.read_at(8)? };
    let from = ctx_address(ctx).wrapping_add((location & 0xffff) as usize);
    // SAFETY: the helper checks the address and writes at most MAX_PATH bytes.
    let length = unsafe {
        let to = core::slice::from_raw_parts_mut(scratch.data.as_mut_ptr(), MAX_PATH);
        bpf_probe_read_kernel_str_bytes(from, to)?.len()
    };
    let length = masked::<{ MAX_PATH as i32 - 1 }>(length);
    scratch.header = ExecHeader {
        header: header(length, EXEC_PATH_AS_TYPED, now),
        process,
        inode: 0,
        device: 0,
        path_length: length as u16,
        args_length: 0,
        directory_length: 0,
        reserved: [0; 3],
        size: 0,
        changed_ns: 0,
    };
    write(scratch, length);
    Ok(())
}

#[inline(always)]
fn ctx_address(ctx: &TracePointContext) -> *const u8 {
    use aya_ebpf::EbpfContext as _;
    ctx.as_ptr().cast::<u8>()
}

/// Enters the process into the table with its new image.
#[inline(always)]
fn enter(task: *const u8, now: u64) -> ProcessRef {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: the entry is of this process, which is busy with its exec.
    let known = unsafe { PROCESSES.get(pid) };
    let flags = known.map_or(0, |key| key.flags);
    let start_ns = known.map_or(0, |key| key.start_ns);
    let start_ns = if start_ns == 0 { start_of(task) } else { start_ns };
    let parent_pid = match parent_of(task) {
        0 => known.map_or(0, |key| key.parent_pid),
        parent => parent,
    };
    let exec_id = image_id(now);
    let key = ProcessKey { exec_id, start_ns, parent_pid, flags };
    if PROCESSES.insert(pid, key, 0).is_err() {
        count(Counter::ProcessTable, 1);
    }
    ProcessRef {
        pid,
        parent_pid,
        uid: effective_uid(task),
        flags,
        start_ns,
        exec_id,
        // SAFETY: a helper without arguments.
        cgroup_id: unsafe { bpf_get_current_cgroup_id() },
    }
}

/// The id of an image: the time of its exec, with the last bits replaced by the CPU, so that two CPUs never create
/// the same id. On one CPU two execs are always further apart than the 1,024 ns of these bits.
#[inline(always)]
fn image_id(now: u64) -> u64 {
    // SAFETY: a helper without arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    (now & !0x3ff) | u64::from(cpu & 0x3ff)
}

#[inline(always)]
fn executable(task: *const u8) -> Result<*const u8, i32> {
    follow(follow(task, setting!(task_mm))?, setting!(mm_exe_file))
}

/// Inode number and device of an open file.
#[inline(always)]
fn identity(file: *const u8) -> Result<(u64, u32), i32> {
    let inode = follow(file, setting!(file_inode))?;
    let super_block = follow(inode, setting!(inode_sb))?;
    Ok((read(inode, setting!(inode_ino))?, read(super_block, setting!(sb_dev))?))
}

/// Size of an open file, and when its inode was last changed.
#[inline(always)]
fn state(file: *const u8) -> Result<(u64, u64), i32> {
    const NANOS: u64 = 1_000_000_000;
    // Since Linux 6.13 the upper bits are a flag that the time was read.
    const NANOS_MASK: u32 = 0x3fff_ffff;
    let inode = follow(file, setting!(file_inode))?;
    let seconds: u64 = read(inode, setting!(inode_ctime_sec))?;
    let nanoseconds: u32 = read(inode, setting!(inode_ctime_nsec))?;
    let size = read(inode, setting!(inode_size))?;
    Ok((size, seconds.wrapping_mul(NANOS).wrapping_add(u64::from(nanoseconds & NANOS_MASK))))
}

/// Copies the argument vector after the path; returns its length and flags.
#[inline(always)]
fn arguments(scratch: &mut Scratch, at: usize, task: *const u8) -> Result<(usize, u32), i32> {
    let mm = follow(task, setting!(task_mm))?;
    let start: u64 = read(mm, setting!(mm_arg_start))?;
    let end: u64 = read(mm, setting!(mm_arg_end))?;
    let mut length = end.saturating_sub(start) as usize;
    let mut flags = 0;
    if length > MAX_ARGS - 1 {
        length = MAX_ARGS - 1;
        flags = EXEC_ARGS_TRUNCATED;
    }
    let at = masked::<{ MAX_PATH as i32 - 1 }>(at);
    let length = masked::<{ MAX_ARGS as i32 - 1 }>(length);
    // SAFETY: `at` is below MAX_PATH and `length` below MAX_ARGS: the write ends inside the data.
    let failed = unsafe {
        let to = scratch.data.as_mut_ptr().add(at);
        bpf_probe_read_user(to.cast(), length as u32, start as *const _)
    };
    if failed != 0 { Err(-1) } else { Ok((length, flags)) }
}

#[inline(always)]
fn header(data: usize, flags: u32, time_ns: u64) -> Header {
    Header { version: VERSION, kind: Kind::Exec as u8, length: (size_of::<ExecHeader>() + data) as u16, flags, time_ns }
}

#[inline(always)]
fn write(scratch: &mut Scratch, data: usize) {
    count(Counter::ProcessProduced, 1);
    let size = size_of::<ExecHeader>() + masked::<{ 2 * MAX_ARGS as i32 - 1 }>(data);
    if size > size_of::<ExecHeader>() + MAX_PATH + MAX_ARGS + TRACE_PARENT + MAX_DIRECTORY {
        return;
    }
    // SAFETY: `size` ends inside the scratch value.
    let failed = unsafe {
        bpf_ringbuf_output(
            core::ptr::addr_of!(EXECS).cast_mut().cast(),
            core::ptr::from_mut(scratch).cast(),
            size as u64,
            record::wake_flags(&EXECS, size as u64),
        )
    };
    if failed != 0 {
        count(Counter::ProcessRingFull, 1);
    }
}
