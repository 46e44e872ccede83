//! The decoder with valid, damaged and malicious records.

mod encode;
mod strategy;

use egret_wire::{
    CallRecord, CgroupRecord, EXEC_NO_PATH, EXEC_PATH_AS_TYPED, ExecHeader, FlowRecord, Kind, TRACE_PARENT, VERSION,
};
use proptest::prelude::*;

use super::{DecodeError, Exec, NamePacket, Record, decode};
use encode::RawExec;

proptest! {
    #[test]
    fn flows_of_every_kind_decode_to_what_was_encoded((kind, flow) in strategy::flow()) {
        prop_assert_eq!(decode(&encode::flow(&flow)), Ok(Record::Flow(kind, flow)));
    }

    #[test]
    fn calls_decode_to_what_was_encoded(call in strategy::call()) {
        prop_assert_eq!(decode(&encode::call(&call)), Ok(Record::Call(call)));
    }

    #[test]
    fn cgroups_decode_to_what_was_encoded(time_ns: u64, id: u64, path in strategy::cgroup_path()) {
        prop_assert_eq!(decode(&encode::cgroup(time_ns, id, &path)), Ok(Record::Cgroup { id, path }));
    }

    #[test]
    fn execs_decode_to_what_was_encoded((raw, path, args) in strategy::exec()) {
        prop_assert_eq!(decode(&encode::exec(&raw)), Ok(Record::Exec(decoded(&raw, Some(path), args))));
    }

    /// Earlier content of the ring is not returned.
    #[test]
    fn packets_decode_to_what_was_captured((kind, record, payload, unused) in strategy::name()) {
        let encoded = encode::name(&record, &payload, &unused);
        prop_assert_eq!(decode(&encoded), Ok(Record::Name(kind, NamePacket { record, payload })));
    }

    #[test]
    fn packet_longer_than_its_space_is_truncated((_, mut record, payload, unused) in strategy::name(), more in 1..99_u16) {
        record.captured = u16::try_from(payload.len() + unused.len()).unwrap() + more;
        let encoded = encode::name(&record, &payload, &unused);
        prop_assert_eq!(decode(&encoded), Err(DecodeError::Truncated { have: encoded.len() }));
    }

    #[test]
    fn truncated_record_is_an_error(record in strategy::record()) {
        for have in 0..record.len() {
            prop_assert_eq!(decode(&record[..have]), Err(DecodeError::Truncated { have }));
        }
    }

    #[test]
    fn trailing_bytes_are_an_error(record in strategy::record(), trailing in prop::collection::vec(any::<u8>(), 1..64)) {
        let length = u16::from_ne_bytes([record[2], record[3]]);
        let longer = [record, trailing].concat();
        prop_assert_eq!(decode(&longer), Err(DecodeError::Length { have: longer.len(), length }));
    }

    #[test]
    fn wrong_length_in_the_header_is_an_error(mut record in strategy::record(), length: u16) {
        prop_assume!(usize::from(length) != record.len());
        record[2..4].copy_from_slice(&length.to_ne_bytes());
        prop_assert_eq!(decode(&record), Err(DecodeError::Length { have: record.len(), length }));
    }

    #[test]
    fn other_version_is_an_error(mut record in strategy::record(), version: u8) {
        prop_assume!(version != VERSION);
        record[0] = version;
        prop_assert_eq!(decode(&record), Err(DecodeError::Version(version)));
    }

    #[test]
    fn unknown_kind_is_an_error(mut record in strategy::record(), kind in prop_oneof![Just(0), Just(12), 20..=u8::MAX]) {
        record[1] = kind;
        prop_assert_eq!(decode(&record), Err(DecodeError::Kind(kind)));
    }

    /// A record with the kind of a record of another length.
    #[test]
    fn wrong_kind_is_an_error((_, flow) in strategy::flow(), call in strategy::call()) {
        let mut short = encode::call(&call);
        short[1] = Kind::Closed as u8;
        prop_assert_eq!(decode(&short), Err(DecodeError::Truncated { have: size_of::<CallRecord>() }));
        let mut long = encode::flow(&flow);
        long[1] = Kind::Call as u8;
        let have = size_of::<FlowRecord>();
        prop_assert_eq!(decode(&long), Err(DecodeError::Length { have, length: flow.header.length }));
    }

    #[test]
    fn random_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..1024)) {
        if let Ok(record) = decode(&data) {
            prop_assert_eq!(size_of_fixed(&record).unwrap_or(data.len()), data.len());
        }
    }

    /// The same with a valid header.
    #[test]
    fn random_bodies_never_panic(kind in 0..20_u8, mut data in prop::collection::vec(any::<u8>(), 4..512)) {
        let length = u16::try_from(data.len()).unwrap();
        data[..2].copy_from_slice(&[VERSION, kind]);
        data[2..4].copy_from_slice(&length.to_ne_bytes());
        match decode(&data) {
            Ok(record) => prop_assert_eq!(size_of_fixed(&record).unwrap_or(data.len()), data.len()),
            Err(DecodeError::Version(version)) => prop_assert!(false, "version {version} is ours"),
            Err(_) => {}
        }
    }

    #[test]
    fn damaged_records_never_panic(
        mut record in strategy::record(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        for (index, byte) in damage {
            let at = index.index(record.len());
            record[at] = byte;
        }
        if let Ok(decoded) = decode(&record) {
            prop_assert_eq!(usize::from(u16::from_ne_bytes([record[2], record[3]])), record.len());
            prop_assert_eq!(size_of_fixed(&decoded).unwrap_or(record.len()), record.len());
        }
    }

    /// With any path and arguments the decoder does not fail, and returns every byte that is not a separator once.
    #[test]
    fn malicious_execs_keep_every_byte(raw in strategy::malicious_exec()) {
        let Ok(Record::Exec(exec)) = decode(&encode::exec(&raw)) else { panic!("not decoded") };
        let expected = decoded(&raw, exec.path.clone(), exec.args.clone());
        prop_assert_eq!(&exec, &expected);
        prop_assert_eq!(sorted(exec.args.concat()), sorted(without_nul(&raw.args)));
        match exec.path {
            None => prop_assert!(raw.path.is_empty() || raw.flags & EXEC_NO_PATH != 0),
            Some(path) if raw.flags & EXEC_PATH_AS_TYPED != 0 => prop_assert!(raw.path.starts_with(&path)),
            Some(path) => {
                prop_assert!(path.starts_with(b"/"));
                let slash = |bytes: &[u8]| bytes.iter().filter(|byte| **byte != b'/').copied().collect();
                prop_assert_eq!(sorted(slash(&path)), sorted(slash(&without_nul(&raw.path))));
            }
        }
    }

    /// Wrong lengths in an exec record: too long, too short, or divided wrongly between the two parts.
    #[test]
    fn wrong_lengths_in_an_exec_are_an_error((raw, ..) in strategy::exec(), path_length: u16, args_length: u16) {
        let mut record = encode::exec(&raw);
        let have = record.len();
        record[68..70].copy_from_slice(&path_length.to_ne_bytes());
        record[70..72].copy_from_slice(&args_length.to_ne_bytes());
        let trace_parent = raw.trace_parent.as_ref().map_or(0, |_| TRACE_PARENT);
        let needs = size_of::<ExecHeader>() + usize::from(path_length) + usize::from(args_length) + trace_parent + raw.directory.len();
        let result = decode(&record);
        match needs.cmp(&have) {
            std::cmp::Ordering::Greater => prop_assert_eq!(result, Err(DecodeError::Truncated { have })),
            std::cmp::Ordering::Less => {
                let length = u16::try_from(have).unwrap();
                prop_assert_eq!(result, Err(DecodeError::Length { have, length }));
            }
            std::cmp::Ordering::Equal => prop_assert!(result.is_ok()),
        }
    }
}

/// The decoded record of `raw`, with this path and these arguments.
fn decoded(raw: &RawExec, path: Option<Vec<u8>>, args: Vec<Vec<u8>>) -> Exec {
    let RawExec { process, time_ns, flags, inode, device, size, changed_ns, .. } = *raw;
    let mut components: Vec<&[u8]> = raw.directory.split(|byte| *byte == 0).collect();
    components.reverse();
    let directory = (!raw.directory.is_empty()).then(|| components.join(&b'/'));
    let trace_parent = raw.trace_parent.clone();
    Exec { process, time_ns, path, flags, inode, device, size, changed_ns, args, trace_parent, directory }
}

/// Bytes of a record of fixed length.
fn size_of_fixed(record: &Record) -> Option<usize> {
    match record {
        Record::Exec(_) | Record::Name(..) => None,
        Record::Cgroup { .. } => Some(size_of::<CgroupRecord>()),
        Record::Flow(..) => Some(size_of::<FlowRecord>()),
        Record::Call(_) => Some(size_of::<CallRecord>()),
    }
}

fn without_nul(data: &[u8]) -> Vec<u8> {
    data.iter().filter(|byte| **byte != 0).copied().collect()
}

fn sorted(mut data: Vec<u8>) -> Vec<u8> {
    data.sort_unstable();
    data
}

fn raw(flags: u32, path: &[u8], args: &[u8]) -> Vec<u8> {
    encode::exec(&raw_exec(flags, path, args))
}

fn raw_exec(flags: u32, path: &[u8], args: &[u8]) -> RawExec {
    RawExec {
        process: egret_wire::ProcessRef::default(),
        time_ns: 1,
        flags,
        inode: 2,
        device: 3,
        size: 4,
        changed_ns: 5,
        path: path.to_vec(),
        args: args.to_vec(),
        trace_parent: None,
        directory: Vec::new(),
    }
}

fn exec_of(flags: u32, path: &[u8], args: &[u8]) -> (Option<Vec<u8>>, Vec<Vec<u8>>) {
    match decode(&raw(flags, path, args)) {
        Ok(Record::Exec(exec)) => (exec.path, exec.args),
        other => panic!("{other:?}"),
    }
}

/// The root directory is one NUL.
#[test]
fn directory_is_decoded_as_a_path() {
    let directory = |data: &[u8]| {
        let raw = RawExec { directory: data.to_vec(), ..raw_exec(0, b"sh\0bin\0", b"sh\0") };
        let Ok(Record::Exec(exec)) = decode(&encode::exec(&raw)) else { panic!("no record of an exec") };
        exec.directory
    };
    assert_eq!(directory(b"app\0srv\0").unwrap(), b"/srv/app");
    assert_eq!(directory(b"\0").unwrap(), b"/");
    assert_eq!(directory(b""), None);
}

#[test]
fn components_are_reversed() {
    let path = |data: &[u8]| exec_of(0, data, b"").0.unwrap();
    assert_eq!(path(b"curl\0bin\0usr\0"), b"/usr/bin/curl");
    assert_eq!(path(b"init\0"), b"/init");
    // The last NUL may be missing, and names may not be UTF-8.
    assert_eq!(path(b"\xff\xfe\0\x80 x\0b"), b"/b/\x80 x/\xff\xfe");
    // Empty components, which the kernel side does not write, are kept.
    assert_eq!(path(b"a\0\0b\0"), b"/b//a");
    assert_eq!(path(b"\0"), b"/");
}

#[test]
fn paths_as_typed_are_not_changed() {
    assert_eq!(exec_of(EXEC_PATH_AS_TYPED, b"./a.out\0", b"").0.unwrap(), b"./a.out");
    assert_eq!(exec_of(EXEC_PATH_AS_TYPED, b"no end", b"").0.unwrap(), b"no end");
    assert_eq!(exec_of(EXEC_PATH_AS_TYPED, b"one\0two\0", b"").0.unwrap(), b"one");
}

#[test]
fn unknown_path_is_absent() {
    assert_eq!(exec_of(0, b"", b"").0, None);
    assert_eq!(exec_of(EXEC_NO_PATH, b"left over\0", b"").0, None);
}

#[test]
fn arguments_are_split_at_nuls() {
    let args = |data: &[u8]| exec_of(0, b"", data).1;
    assert_eq!(args(b"curl\0-s\0\0"), [b"curl".to_vec(), b"-s".to_vec(), Vec::new()], "an empty argument counts");
    assert_eq!(args(b"cut off he"), [b"cut off he"]);
    assert_eq!(args(b"\0"), [b""], "one empty argument is not none");
    assert!(args(b"").is_empty());
}

#[test]
fn empty_record_is_truncated() {
    assert_eq!(decode(&[]), Err(DecodeError::Truncated { have: 0 }));
}
