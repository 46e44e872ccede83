//! The decoder: a pure function from bytes to a record.

use egret_wire::{
    CallRecord, CgroupRecord, EXEC_NO_PATH, EXEC_PATH_AS_TYPED, EXEC_TRACE_PARENT, ExecHeader, FlowRecord, Header,
    Kind, NameRecord, ProcessRef, TRACE_PARENT, VERSION,
};
use thiserror::Error;

use super::bytes::Bytes;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Fewer bytes than the record needs.
    #[error("record of {have} bytes is truncated")]
    Truncated {
        /// Bytes of the record.
        have: usize,
    },
    /// The length in the header is not that of the record.
    #[error("record of {have} bytes has length {length} in its header")]
    Length {
        /// Bytes of the record.
        have: usize,
        /// Bytes according to the header.
        length: u16,
    },
    /// The version is not this build's.
    #[error("record has version {0}, this build reads {VERSION}")]
    Version(u8),
    /// A kind that does not exist.
    #[error("record has unknown kind {0}")]
    Kind(u8),
}

/// A process replaced its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The process after the exec.
    pub process: ProcessRef,
    /// When, on the boot clock.
    pub time_ns: u64,
    /// Path of the executable, if known.
    pub path: Option<Vec<u8>>,
    /// `EXEC_*` bits.
    pub flags: u32,
    /// Inode number of the executable, zero if unknown.
    pub inode: u64,
    /// Device of its file system as the kernel encodes it.
    pub device: u32,
    /// Bytes of the executable.
    pub size: u64,
    /// When its inode was last changed, nanoseconds since 1970; zero if unknown.
    pub changed_ns: u64,
    /// Arguments.
    pub args: Vec<Vec<u8>>,
    /// The unparsed value of `TRACEPARENT` in the environment, if that was read.
    pub trace_parent: Option<Vec<u8>>,
    /// Working directory, if known.
    pub directory: Option<Vec<u8>>,
}

/// A packet that names are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePacket {
    pub record: NameRecord,
    /// The bytes after its transport header, as many as were captured.
    pub payload: Vec<u8>,
}

/// A record from one of the rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A process replaced its image.
    Exec(Exec),
    /// A control group was made.
    Cgroup {
        /// Its id.
        id: u64,
        /// Its path below the root of the hierarchy.
        path: Vec<u8>,
    },
    /// Something happened to a flow.
    Flow(Kind, FlowRecord),
    /// A system call was made.
    Call(CallRecord),
    /// A DNS message, or the first bytes of a TLS connection.
    Name(Kind, NamePacket),
}

/// Decodes one record.
///
/// # Errors
///
/// There are too few bytes or too many, or the version or kind is unknown.
pub fn decode(data: &[u8]) -> Result<Record, DecodeError> {
    let truncated = DecodeError::Truncated { have: data.len() };
    let mut bytes = Bytes(data);
    let header = header(&mut bytes).ok_or(truncated)?;
    if header.version != VERSION {
        return Err(DecodeError::Version(header.version));
    }
    let kind = Kind::from_u8(header.kind).ok_or(DecodeError::Kind(header.kind))?;
    let record = match kind {
        Kind::Exec => exec(header, &mut bytes).map(Record::Exec),
        Kind::Cgroup => cgroup(&mut bytes),
        Kind::Call => call(header, &mut bytes).map(Record::Call),
        Kind::Question | Kind::Answer | Kind::Hello => {
            name(header, &mut bytes).map(|packet| Record::Name(kind, packet))
        }
        _ => flow(header, &mut bytes).map(|flow| Record::Flow(kind, flow)),
    };
    let record = record.ok_or(truncated)?;
    if usize::from(header.length) != data.len() || !bytes.0.is_empty() {
        return Err(DecodeError::Length { have: data.len(), length: header.length });
    }
    Ok(record)
}

fn header(bytes: &mut Bytes<'_>) -> Option<Header> {
    Some(Header {
        version: bytes.u8()?,
        kind: bytes.u8()?,
        length: bytes.u16()?,
        flags: bytes.u32()?,
        time_ns: bytes.u64()?,
    })
}

fn process(bytes: &mut Bytes<'_>) -> Option<ProcessRef> {
    Some(ProcessRef {
        pid: bytes.u32()?,
        parent_pid: bytes.u32()?,
        uid: bytes.u32()?,
        flags: bytes.u32()?,
        start_ns: bytes.u64()?,
        exec_id: bytes.u64()?,
        cgroup_id: bytes.u64()?,
    })
}

fn flow(header: Header, bytes: &mut Bytes<'_>) -> Option<FlowRecord> {
    Some(FlowRecord {
        header,
        cookie: bytes.u64()?,
        process: process(bytes)?,
        local: bytes.address()?,
        peer: bytes.address()?,
        opened_ns: bytes.u64()?,
        established_ns: bytes.u64()?,
        sent: bytes.u64()?,
        received: bytes.u64()?,
        sends: bytes.u32()?,
        receives: bytes.u32()?,
        retransmits: bytes.u32()?,
        srtt_us: bytes.u32()?,
        error: bytes.i32()?,
        netns: bytes.u32()?,
        local_port: bytes.u16()?,
        peer_port: bytes.u16()?,
        family: bytes.u16()?,
        protocol: bytes.u16()?,
        socket_type: bytes.u16()?,
        old_state: bytes.u16()?,
        spilled: bytes.u32()?,
        interface: bytes.u32()?,
        reserved: bytes.u32()?,
    })
}

fn call(header: Header, bytes: &mut Bytes<'_>) -> Option<CallRecord> {
    Some(CallRecord {
        header,
        process: process(bytes)?,
        cookie: bytes.u64()?,
        peer: bytes.address()?,
        local: bytes.address()?,
        result: bytes.i64()?,
        duration_ns: bytes.u64()?,
        fd: bytes.i32()?,
        call: bytes.u16()?,
        peer_port: bytes.u16()?,
        local_port: bytes.u16()?,
        family: bytes.u16()?,
        protocol: bytes.u16()?,
        socket_type: bytes.u16()?,
        interface: bytes.u32()?,
        netns: bytes.u32()?,
    })
}

fn name(header: Header, bytes: &mut Bytes<'_>) -> Option<NamePacket> {
    let record = NameRecord {
        header,
        cookie: bytes.u64()?,
        exec_id: bytes.u64()?,
        remote: bytes.address()?,
        pid: bytes.u32()?,
        netns: bytes.u32()?,
        sequence: bytes.u32()?,
        length: bytes.u32()?,
        remote_port: bytes.u16()?,
        captured: bytes.u16()?,
        uid: bytes.u32()?,
    };
    let payload = bytes.slice(usize::from(record.captured))?.to_vec();
    // The rest of the reserved space is not used.
    bytes.0 = &[];
    Some(NamePacket { record, payload })
}

fn cgroup(bytes: &mut Bytes<'_>) -> Option<Record> {
    let id = bytes.u64()?;
    let path = bytes.slice(size_of::<CgroupRecord>() - size_of::<Header>() - size_of::<u64>())?;
    Some(Record::Cgroup { id, path: until_nul(path).to_vec() })
}

fn exec(header: Header, bytes: &mut Bytes<'_>) -> Option<Exec> {
    let process = process(bytes)?;
    let (inode, device) = (bytes.u64()?, bytes.u32()?);
    let (path_length, args_length) = (bytes.u16()?, bytes.u16()?);
    let directory_length = bytes.u16()?;
    bytes.slice(size_of::<[u16; 3]>())?;
    let (size, changed_ns) = (bytes.u64()?, bytes.u64()?);
    debug_assert_eq!(size_of::<ExecHeader>(), 96);
    let path = bytes.slice(usize::from(path_length))?;
    let args = bytes.slice(usize::from(args_length))?;
    let directory = bytes.slice(usize::from(directory_length))?;
    let trace_parent = if header.flags & EXEC_TRACE_PARENT != 0 { Some(bytes.slice(TRACE_PARENT)?) } else { None };
    Some(Exec {
        process,
        time_ns: header.time_ns,
        path: path_of(header.flags, path),
        flags: header.flags,
        inode,
        device,
        size,
        changed_ns,
        args: args_of(args),
        trace_parent: trace_parent.map(|value| until_nul(value).to_vec()),
        directory: (!directory.is_empty()).then(|| from_components(directory)),
    })
}

/// The path of components from the file up to the root, each followed by a NUL.
fn path_of(flags: u32, data: &[u8]) -> Option<Vec<u8>> {
    if flags & EXEC_NO_PATH != 0 || data.is_empty() {
        return None;
    }
    if flags & EXEC_PATH_AS_TYPED != 0 {
        return Some(until_nul(data).to_vec());
    }
    Some(from_components(data))
}

fn from_components(data: &[u8]) -> Vec<u8> {
    let components = data.strip_suffix(&[0]).unwrap_or(data).rsplit(|byte| *byte == 0);
    components.flat_map(|component| [b"/".as_slice(), component]).flatten().copied().collect()
}

fn args_of(data: &[u8]) -> Vec<Vec<u8>> {
    if data.is_empty() {
        return Vec::new();
    }
    data.strip_suffix(&[0]).unwrap_or(data).split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

fn until_nul(data: &[u8]) -> &[u8] {
    data.split(|byte| *byte == 0).next().unwrap_or_default()
}
