//! Reading the state of sockets through an iterator program.
//!
//! aya attaches iterators that need no map; this one is bound to the map whose entries it goes through (`bpf_iter_link_info`
//! in include/uapi/linux/bpf.h, Linux 5.9).

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use egret_wire::FlowRecord;

const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_ITER_CREATE: libc::c_long = 33;
const BPF_TRACE_ITER: u32 = 28;

/// The kernel puts together 32 KiB at a time (`bpf_seq_read` in kernel/bpf/bpf_iter.c): a read of more ends with a whole record.
const BUFFER_BYTES: usize = 64 << 10;

/// `link_create` of `union bpf_attr`, as far as iterators use it.
#[repr(C)]
#[derive(Default)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    info: u64,
    info_bytes: u32,
    padding: u32,
}

/// `iter_create` of `union bpf_attr`.
#[repr(C)]
struct IterCreate {
    link: u32,
    flags: u32,
}

/// An iterator that is ready to run.
#[derive(Debug)]
pub(super) struct Totals {
    link: OwnedFd,
}

impl Totals {
    /// Binds a loaded iterator program to the map of socket states.
    pub(super) fn attach(program: BorrowedFd<'_>, map: BorrowedFd<'_>) -> io::Result<Self> {
        let map = descriptor(map)?;
        let attributes = LinkCreate {
            program: descriptor(program)?,
            attach_type: BPF_TRACE_ITER,
            // `union bpf_iter_link_info` begins with the map's descriptor; it is read during the call alone.
            info: std::ptr::from_ref(&map).addr() as u64,
            info_bytes: size_of::<u32>() as u32,
            ..LinkCreate::default()
        };
        Ok(Self { link: bpf(BPF_LINK_CREATE, &attributes)? })
    }

    /// Goes through all sockets once; hands each record to `each`.
    pub(super) fn read(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let attributes = IterCreate { link: descriptor(self.link.as_fd())?, flags: 0 };
        let mut file = File::from(bpf(BPF_ITER_CREATE, &attributes)?);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(bytes) => {
                    let whole = buffer.get(..bytes).unwrap_or_default();
                    whole.chunks_exact(size_of::<FlowRecord>()).for_each(&mut *each);
                }
                // A million sockets without a record: the kernel asks to be called again.
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn descriptor(fd: BorrowedFd<'_>) -> io::Result<u32> {
    u32::try_from(fd.as_raw_fd()).map_err(io::Error::other)
}

/// A call of `bpf(2)` that answers with a descriptor.
fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the attributes are those of the command, of the size that is passed, and outlive the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel answered with a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(libc::c_int::try_from(fd).map_err(io::Error::other)?) })
}
