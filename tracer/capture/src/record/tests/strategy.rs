//! Records of every kind, as the kernel side could write them.

use egret_wire::{
    CallRecord, EXEC_ARGS_TRUNCATED, EXEC_NO_PATH, EXEC_PATH_AS_TYPED, EXEC_PATH_TRUNCATED, EXEC_TRACE_PARENT,
    FlowRecord, Kind, NAME_TCP, NameRecord, ProcessRef, TRACE_PARENT,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::encode::{self, RawExec};

/// Every kind whose record is a [`FlowRecord`].
pub(super) const FLOW_KINDS: [Kind; 12] = [
    Kind::Connecting,
    Kind::Established,
    Kind::Accepted,
    Kind::Owned,
    Kind::Failed,
    Kind::Closed,
    Kind::Listening,
    Kind::Bound,
    Kind::Datagram,
    Kind::SocketError,
    Kind::Send,
    Kind::Begun,
];

fn process() -> impl Strategy<Value = ProcessRef> {
    (any::<[u32; 4]>(), any::<[u64; 3]>()).prop_map(
        |([pid, parent_pid, uid, flags], [start_ns, exec_id, cgroup_id])| ProcessRef {
            pid,
            parent_pid,
            uid,
            flags,
            start_ns,
            exec_id,
            cgroup_id,
        },
    )
}

pub(super) fn flow() -> impl Strategy<Value = (Kind, FlowRecord)> {
    let parts = (any::<[u64; 6]>(), any::<[[u64; 2]; 2]>(), any::<[u32; 9]>(), any::<i32>(), any::<[u16; 6]>());
    (select(&FLOW_KINDS), process(), parts).prop_map(|(kind, process, (long, [local, peer], word, error, half))| {
        let [time_ns, cookie, opened_ns, established_ns, sent, received] = long;
        let [flags, sends, receives, retransmits, srtt_us, netns, spilled, interface, reserved] = word;
        let [local_port, peer_port, family, protocol, socket_type, old_state] = half;
        let header = encode::header(kind, size_of::<FlowRecord>(), flags, time_ns);
        #[rustfmt::skip]
        let flow = FlowRecord {
            header, cookie, process, local, peer, opened_ns, established_ns, sent, received, sends, receives, retransmits,
            srtt_us, error, netns, local_port, peer_port, family, protocol, socket_type, old_state, spilled,
            interface, reserved,
        };
        (kind, flow)
    })
}

pub(super) fn call() -> impl Strategy<Value = CallRecord> {
    let parts =
        (any::<[u64; 3]>(), any::<[[u64; 2]; 2]>(), any::<[u32; 3]>(), any::<i64>(), any::<i32>(), any::<[u16; 6]>());
    (process(), parts).prop_map(|(process, ([time_ns, cookie, duration_ns], [peer, local], word, result, fd, half))| {
        let [flags, interface, netns] = word;
        let [call, peer_port, local_port, family, protocol, socket_type] = half;
        let header = encode::header(Kind::Call, size_of::<CallRecord>(), flags, time_ns);
        #[rustfmt::skip]
        let record = CallRecord {
            header, process, cookie, peer, local, result, duration_ns, fd, call, peer_port, local_port, family, protocol,
            socket_type, interface, netns,
        };
        record
    })
}

/// A packet's record, its payload, and the reserved space after it.
pub(super) fn name() -> impl Strategy<Value = (Kind, NameRecord, Vec<u8>, Vec<u8>)> {
    let kind = select(&[Kind::Question, Kind::Answer, Kind::Hello]);
    let parts = (any::<[u64; 3]>(), any::<[u64; 2]>(), any::<[u32; 5]>(), any::<u16>(), any::<bool>());
    (kind, parts, vec(any::<u8>(), 0..300), vec(any::<u8>(), 0..300)).prop_map(
        |(kind, ([time_ns, cookie, exec_id], remote, numbers, remote_port, tcp), payload, unused)| {
            let [pid, netns, sequence, length, uid] = numbers;
            let whole = size_of::<NameRecord>() + payload.len() + unused.len();
            let header = encode::header(kind, whole, if tcp { NAME_TCP } else { 0 }, time_ns);
            let captured = u16::try_from(payload.len()).unwrap();
            #[rustfmt::skip]
            let record = NameRecord {
                header, cookie, exec_id, remote, pid, netns, sequence, length, remote_port, captured, uid,
            };
            (kind, record, payload, unused)
        },
    )
}

/// Any bytes except NUL and those in `without`.
fn bytes(without: &'static [u8], length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    let allowed: Vec<u8> = (1..=u8::MAX).filter(|byte| !without.contains(byte)).collect();
    vec(select(allowed), length)
}

/// The path of a control group, which fits into a record with its NUL.
pub(super) fn cgroup_path() -> impl Strategy<Value = Vec<u8>> {
    bytes(&[], 0..=255)
}

/// An absolute path of any bytes: components are not empty and have no slash.
pub(super) fn path() -> impl Strategy<Value = Vec<u8>> {
    vec(bytes(b"/", 1..=40), 1..=12).prop_map(|components| {
        components.iter().flat_map(|component| [b"/".as_slice(), component]).flatten().copied().collect()
    })
}

/// Arguments of any bytes, also empty ones.
pub(super) fn args() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(bytes(&[], 0..=40), 0..=12)
}

/// An exec record whose parts are arbitrary bytes: no NUL, many, only NULs, nothing.
pub(super) fn malicious_exec() -> impl Strategy<Value = RawExec> {
    let flags = (0..16_u32).prop_map(|bits| {
        let all = [EXEC_PATH_TRUNCATED, EXEC_ARGS_TRUNCATED, EXEC_NO_PATH, EXEC_PATH_AS_TYPED];
        all.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1).fold(0, |flags, (_, flag)| flags | flag)
    });
    let part = || {
        prop_oneof![
            vec(any::<u8>(), 0..200),
            vec(select(vec![0, b'/', b'.', 0xff]), 0..40),
            vec(Just(0_u8), 0..5),
            vec(1..=u8::MAX, 1..200)
        ]
    };
    let trace_parent = prop::option::of(vec(1..=u8::MAX, 0..TRACE_PARENT));
    let directory =
        prop::option::of(path()).prop_map(|path| path.as_deref().map(encode::components).unwrap_or_default());
    (process(), any::<[u64; 2]>(), any::<u32>(), flags, part(), part(), trace_parent, directory).prop_map(
        |(process, [time_ns, inode], device, flags, path, args, trace_parent, directory)| RawExec {
            process,
            time_ns,
            flags: flags | trace_parent.as_ref().map_or(0, |_| EXEC_TRACE_PARENT),
            inode,
            device,
            size: inode.rotate_left(7),
            changed_ns: time_ns.rotate_left(9),
            path,
            args,
            trace_parent,
            directory,
        },
    )
}

/// An exec record as the kernel side writes them, and its path and arguments.
pub(super) fn exec() -> impl Strategy<Value = (RawExec, Vec<u8>, Vec<Vec<u8>>)> {
    (malicious_exec(), path(), args()).prop_map(|(mut raw, path, args)| {
        raw.flags &= !(EXEC_NO_PATH | EXEC_PATH_AS_TYPED);
        raw.path = encode::components(&path);
        raw.args = encode::strings(&args);
        (raw, path, args)
    })
}

/// The bytes of any record.
pub(super) fn record() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        flow().prop_map(|(_, record)| encode::flow(&record)),
        call().prop_map(|record| encode::call(&record)),
        (any::<[u64; 2]>(), cgroup_path()).prop_map(|([time_ns, id], path)| encode::cgroup(time_ns, id, &path)),
        exec().prop_map(|(raw, ..)| encode::exec(&raw)),
        malicious_exec().prop_map(|raw| encode::exec(&raw)),
        // Without unused space, which could be removed without an error.
        name().prop_map(|(kind, mut record, payload, _)| {
            record.header = encode::header(kind, size_of::<NameRecord>() + payload.len(), 0, record.header.time_ns);
            encode::name(&record, &payload, &[])
        }),
    ]
}
