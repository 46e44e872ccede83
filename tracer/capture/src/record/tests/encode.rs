//! The encoder of the kernel side a second time, for tests: from records to the bytes of a ring.
//!
//! Every field is written separately, so that a decoder that swaps two fields fails. The fuzz targets use it too.

use egret_wire::{
    CallRecord, CgroupRecord, ExecHeader, FlowRecord, Header, Kind, NameRecord, ProcessRef, TRACE_PARENT, VERSION,
    address_bytes,
};

/// A header with the right length.
pub(crate) fn header(kind: Kind, length: usize, flags: u32, time_ns: u64) -> Header {
    let length = u16::try_from(length).expect("a record is shorter than 64 KiB");
    Header { version: VERSION, kind: kind as u8, length, flags, time_ns }
}

fn put_header(out: &mut Vec<u8>, header: &Header) {
    out.extend([header.version, header.kind]);
    out.extend(header.length.to_ne_bytes());
    out.extend(header.flags.to_ne_bytes());
    out.extend(header.time_ns.to_ne_bytes());
}

fn put_process(out: &mut Vec<u8>, process: &ProcessRef) {
    for number in [process.pid, process.parent_pid, process.uid, process.flags] {
        out.extend(number.to_ne_bytes());
    }
    for number in [process.start_ns, process.exec_id, process.cgroup_id] {
        out.extend(number.to_ne_bytes());
    }
}

pub(crate) fn flow(flow: &FlowRecord) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(&mut out, &flow.header);
    out.extend(flow.cookie.to_ne_bytes());
    put_process(&mut out, &flow.process);
    out.extend(address_bytes(flow.local));
    out.extend(address_bytes(flow.peer));
    for number in [flow.opened_ns, flow.established_ns, flow.sent, flow.received] {
        out.extend(number.to_ne_bytes());
    }
    for number in [flow.sends, flow.receives, flow.retransmits, flow.srtt_us] {
        out.extend(number.to_ne_bytes());
    }
    out.extend(flow.error.to_ne_bytes());
    out.extend(flow.netns.to_ne_bytes());
    for number in [flow.local_port, flow.peer_port, flow.family, flow.protocol, flow.socket_type, flow.old_state] {
        out.extend(number.to_ne_bytes());
    }
    for number in [flow.spilled, flow.interface, flow.reserved] {
        out.extend(number.to_ne_bytes());
    }
    out
}

pub(crate) fn call(call: &CallRecord) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(&mut out, &call.header);
    put_process(&mut out, &call.process);
    out.extend(call.cookie.to_ne_bytes());
    out.extend(address_bytes(call.peer));
    out.extend(address_bytes(call.local));
    out.extend(call.result.to_ne_bytes());
    out.extend(call.duration_ns.to_ne_bytes());
    out.extend(call.fd.to_ne_bytes());
    for number in [call.call, call.peer_port, call.local_port, call.family, call.protocol, call.socket_type] {
        out.extend(number.to_ne_bytes());
    }
    out.extend(call.interface.to_ne_bytes());
    out.extend(call.netns.to_ne_bytes());
    out
}

/// With this payload, and `unused` bytes of reserved space after it.
pub(crate) fn name(name: &NameRecord, payload: &[u8], unused: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(&mut out, &name.header);
    out.extend(name.cookie.to_ne_bytes());
    out.extend(name.exec_id.to_ne_bytes());
    out.extend(address_bytes(name.remote));
    for number in [name.pid, name.netns, name.sequence, name.length] {
        out.extend(number.to_ne_bytes());
    }
    for number in [name.remote_port, name.captured] {
        out.extend(number.to_ne_bytes());
    }
    out.extend(name.uid.to_ne_bytes());
    out.extend(payload);
    out.extend(unused);
    out
}

/// A path that is longer than the space in the record is truncated.
pub(crate) fn cgroup(time_ns: u64, id: u64, path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(&mut out, &header(Kind::Cgroup, size_of::<CgroupRecord>(), 0, time_ns));
    out.extend(id.to_ne_bytes());
    out.extend(path);
    out.resize(size_of::<CgroupRecord>(), 0);
    out
}

/// The parts of an exec record; `path` and `args` as they are in the record.
#[derive(Clone, Debug)]
pub(crate) struct RawExec {
    pub(crate) process: ProcessRef,
    pub(crate) time_ns: u64,
    pub(crate) flags: u32,
    pub(crate) inode: u64,
    pub(crate) device: u32,
    pub(crate) size: u64,
    pub(crate) changed_ns: u64,
    pub(crate) path: Vec<u8>,
    pub(crate) args: Vec<u8>,
    /// A shorter value is padded with NULs.
    pub(crate) trace_parent: Option<Vec<u8>>,
    /// As it is in the record.
    pub(crate) directory: Vec<u8>,
}

pub(crate) fn exec(exec: &RawExec) -> Vec<u8> {
    let trace_parent = exec.trace_parent.as_ref().map_or(0, |_| TRACE_PARENT);
    let length = size_of::<ExecHeader>() + exec.path.len() + exec.args.len() + trace_parent + exec.directory.len();
    let mut out = Vec::new();
    put_header(&mut out, &header(Kind::Exec, length, exec.flags, exec.time_ns));
    put_process(&mut out, &exec.process);
    out.extend(exec.inode.to_ne_bytes());
    out.extend(exec.device.to_ne_bytes());
    for part in [&exec.path, &exec.args, &exec.directory] {
        out.extend(u16::try_from(part.len()).expect("a part is shorter than its record").to_ne_bytes());
    }
    out.extend([0; 6]);
    out.extend(exec.size.to_ne_bytes());
    out.extend(exec.changed_ns.to_ne_bytes());
    out.extend(&exec.path);
    out.extend(&exec.args);
    out.extend(&exec.directory);
    out.extend(exec.trace_parent.iter().flatten());
    out.resize(length, 0);
    out
}

/// The path as the kernel side writes it: components from the file up to the root, each followed by a NUL.
pub(crate) fn components(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for component in path.strip_prefix(b"/").unwrap_or(path).rsplit(|byte| *byte == b'/') {
        out.extend(component);
        out.push(0);
    }
    out
}

/// Every string followed by a NUL.
pub(crate) fn strings(list: &[Vec<u8>]) -> Vec<u8> {
    list.iter().flat_map(|string| string.iter().chain(&[0])).copied().collect()
}
