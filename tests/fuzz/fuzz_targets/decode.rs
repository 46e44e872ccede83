//! The decoder of ring records: never panics, and accepted records match their bytes.
#![no_main]

// The encoder of the decoder's own tests.
#[path = "../../../tracer/capture/src/record/tests/encode.rs"]
mod encode;

use egret_capture::{Exec, Record, decode};
use egret_wire::{EXEC_NO_PATH, EXEC_PATH_AS_TYPED, Header, NameRecord};
use encode::RawExec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(record) = decode(data) else { return };
    let length = u16::from_ne_bytes([data[2], data[3]]);
    assert_eq!(usize::from(length), data.len(), "accepted with another length than it says");
    match record {
        Record::Flow(kind, flow) => {
            assert_eq!(kind as u8, data[1]);
            assert_eq!(encode::flow(&flow), data);
        }
        Record::Call(call) => assert_eq!(encode::call(&call), data),
        Record::Cgroup { id, path } => check_cgroup(id, &path, data),
        Record::Exec(exec) => check_exec(&exec, data),
        Record::Name(kind, packet) => {
            assert_eq!(kind as u8, data[1]);
            let unused = &data[size_of::<NameRecord>() + packet.payload.len()..];
            assert_eq!(encode::name(&packet.record, &packet.payload, unused), data);
        }
    }
});

/// Bytes after the NUL of the path are not kept.
fn check_cgroup(id: u64, path: &[u8], data: &[u8]) {
    let again = encode::cgroup(0, id, path);
    assert_eq!(again.len(), data.len());
    let body = size_of::<Header>()..size_of::<Header>() + size_of::<u64>() + path.len();
    assert_eq!(again[body.clone()], data[body.clone()]);
    assert!(data.get(body.end).is_none_or(|byte| *byte == 0), "the path ends before its NUL");
}

/// The re-encoded record decodes to the same value.
fn check_exec(exec: &Exec, data: &[u8]) {
    let path = match &exec.path {
        None => Vec::new(),
        Some(path) if exec.flags & EXEC_PATH_AS_TYPED != 0 => encode::strings(std::slice::from_ref(path)),
        Some(path) => encode::components(path),
    };
    let raw = RawExec {
        process: exec.process,
        time_ns: exec.time_ns,
        flags: exec.flags,
        inode: exec.inode,
        device: exec.device,
        size: exec.size,
        changed_ns: exec.changed_ns,
        path,
        args: encode::strings(&exec.args),
        trace_parent: exec.trace_parent.clone(),
    };
    // Encoding adds at most two NULs, which the longest records cannot hold.
    if data.len() + 2 <= usize::from(u16::MAX) {
        assert_eq!(decode(&encode::exec(&raw)), Ok(Record::Exec(exec.clone())));
    }
    if exec.path.is_some() {
        assert_eq!(exec.flags & EXEC_NO_PATH, 0);
    }
}
