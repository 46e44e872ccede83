//! The kernel side's part of the game, written down a second time: from records to the bytes of a ring.
//!
//! By hand and field by field, so that a decoder that swaps two fields is found out. The fuzz targets use it too.

use egret_wire::{
    CallRecord, CgroupRecord, ExecHeader, FlowRecord, Header, Kind, NameRecord, ProcessRef, TRACE_PARENT, VERSION,
    address_bytes,
};

/// A header that tells the truth.
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
    out.extend(flow.spilled.to_ne_bytes());
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
    out
}

/// With as much payload as is given, and `unused` bytes of room behind it.
pub(crate) fn name(name: &NameRecord, payload: &[u8], unused: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(&mut out, &name.header);
    out.extend(name.cookie.to_ne_bytes());
    out.extend(address_bytes(name.remote));
    for number in [name.pid, name.sequence, name.length] {
        out.extend(number.to_ne_bytes());
    }
    for number in [name.remote_port, name.captured] {
        out.extend(number.to_ne_bytes());
    }
    out.extend(payload);
    out.extend(unused);
    out
}

/// A path longer than the record has room for is cut.
pub(crate) fn cgroup(time_ns: u64, id: u64, path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(&mut out, &header(Kind::Cgroup, size_of::<CgroupRecord>(), 0, time_ns));
    out.extend(id.to_ne_bytes());
    out.extend(path);
    out.resize(size_of::<CgroupRecord>(), 0);
    out
}

/// What an exec record is made of; `path` and `args` as they lie in the record.
#[derive(Clone, Debug)]
pub(crate) struct RawExec {
    pub(crate) process: ProcessRef,
    pub(crate) time_ns: u64,
    pub(crate) flags: u32,
    pub(crate) inode: u64,
    pub(crate) device: u32,
    pub(crate) path: Vec<u8>,
    pub(crate) args: Vec<u8>,
    /// With room to spare it is filled up with NULs.
    pub(crate) trace_parent: Option<Vec<u8>>,
}

pub(crate) fn exec(exec: &RawExec) -> Vec<u8> {
    let trace_parent = exec.trace_parent.as_ref().map_or(0, |_| TRACE_PARENT);
    let length = size_of::<ExecHeader>() + exec.path.len() + exec.args.len() + trace_parent;
    let mut out = Vec::new();
    put_header(&mut out, &header(Kind::Exec, length, exec.flags, exec.time_ns));
    put_process(&mut out, &exec.process);
    out.extend(exec.inode.to_ne_bytes());
    out.extend(exec.device.to_ne_bytes());
    for part in [&exec.path, &exec.args] {
        out.extend(u16::try_from(part.len()).expect("a part is shorter than its record").to_ne_bytes());
    }
    out.extend(&exec.path);
    out.extend(&exec.args);
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
