//! Tracepoint `cgroup:cgroup_mkdir`: a control group was created.
//!
//! Source: `cgroup_mkdir` in kernel/cgroup/cgroup.c; Linux 4.13. A container's group may be removed before user
//! space resolves the path of its id.

use aya_ebpf::helpers::bpf_probe_read_kernel_str_bytes;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use egret_wire::{CgroupRecord, Counter, Header, Kind, VERSION};

use crate::config::setting;
use crate::kernel::{follow, read};
use crate::maps::{EXECS, count};
use crate::record;

#[btf_tracepoint(function = "cgroup_mkdir")]
pub(crate) fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    let _ = try_mkdir(ctx.arg(0), ctx.arg(1));
    0
}

fn try_mkdir(cgroup: *const u8, path: *const u8) -> Result<(), i32> {
    let id: u64 = read(follow(cgroup, setting!(cgroup_kn))?, setting!(kernfs_id))?;
    count(Counter::ProcessProduced, 1);
    let Some(mut entry) = EXECS.reserve::<CgroupRecord>(0) else {
        count(Counter::ProcessRingFull, 1);
        return Err(-1);
    };
    let record = entry.as_mut_ptr();
    // SAFETY: `record` points to reserved space for a whole record; every field is written. The bytes after the
    // end of the path keep their content: user space does not read them.
    unsafe {
        (*record).header = Header {
            version: VERSION,
            kind: Kind::Cgroup as u8,
            length: size_of::<CgroupRecord>() as u16,
            flags: 0,
            time_ns: record::now(),
        };
        (*record).id = id;
        (*record).path[0] = 0;
        let _ = bpf_probe_read_kernel_str_bytes(path, &mut (*record).path);
    }
    entry.submit(record::wake_flags(&EXECS, size_of::<CgroupRecord>() as u64));
    Ok(())
}
