//! Packet sockets: which of them are still open, and what they moved.

use std::collections::HashSet;
use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use aya::maps::{HashMap, Map, MapData};
use aya::programs::Iter;
use aya::{Btf, Ebpf};
use aya_obj::generated::{bpf_attach_type, bpf_cmd};
use egret_wire::PeerTotals;

use super::attach::{map, take};
use super::error::LoadError;

const PROGRAM: &str = "packet_sockets";

/// An iterator over the storage of all sockets. It and the maps it reads stay when the other programs go.
pub(super) struct Unreleased {
    link: OwnedFd,
    totals: HashMap<MapData, u64, PeerTotals>,
}

impl Unreleased {
    pub(super) fn attach(ebpf: &mut Ebpf, types: &Btf) -> Result<Self, LoadError> {
        let program = ebpf.program_mut(PROGRAM).ok_or(LoadError::Missing(PROGRAM))?;
        let program: &mut Iter = program.try_into().map_err(|source| LoadError::refused(PROGRAM, "loaded", source))?;
        program.load("bpf_sk_storage_map", types).map_err(|source| LoadError::refused(PROGRAM, "loaded", source))?;
        let program = program.fd().map_err(|source| LoadError::refused(PROGRAM, "loaded", source))?;
        let program = program.try_clone().map_err(|source| LoadError::refused(PROGRAM, "loaded", source.into()))?;
        let Some(Map::SkStorage(sockets)) = ebpf.map("SOCKETS") else { return Err(LoadError::Missing("SOCKETS")) };
        let link = link(program.as_fd(), sockets.fd().as_fd())
            .map_err(|source| LoadError::Iterator { name: PROGRAM, source })?;
        // Last: the other programs name the map by a descriptor that must stay open, whether there is an iterator or not.
        let totals = map(take(ebpf, "UNRELEASED")?, "UNRELEASED")?;
        Ok(Self { link, totals })
    }

    /// Cookies of the packet sockets that are open.
    pub(super) fn open(&self) -> io::Result<HashSet<u64>> {
        let mut cookies = Vec::new();
        File::from(iterate(self.link.as_fd())?).read_to_end(&mut cookies)?;
        Ok(cookies.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect())
    }

    /// Takes the totals of a socket.
    pub(super) fn take(&mut self, cookie: u64) -> Option<PeerTotals> {
        let totals = self.totals.get(&cookie, 0).ok()?;
        let _ = self.totals.remove(&cookie);
        Some(totals)
    }
}

/// Ties an iterator program to the map whose entries it is to see, which aya cannot.
fn link(program: BorrowedFd<'_>, map: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    /// `link_create` of `union bpf_attr`.
    #[repr(C)]
    struct Attributes {
        program: c_int,
        target: u32,
        attach_type: u32,
        flags: u32,
        info: *const c_int,
        info_length: u32,
        padding: u32,
    }
    let map = map.as_raw_fd();
    let attributes = Attributes {
        program: program.as_raw_fd(),
        target: 0,
        attach_type: bpf_attach_type::BPF_TRACE_ITER as u32,
        flags: 0,
        info: &raw const map,
        info_length: 4,
        padding: 0,
    };
    bpf(bpf_cmd::BPF_LINK_CREATE, &attributes)
}

/// A new pass of an iterator.
fn iterate(link: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    /// `iter_create` of `union bpf_attr`.
    #[repr(C)]
    struct Attributes {
        link: c_int,
        flags: u32,
    }
    bpf(bpf_cmd::BPF_ITER_CREATE, &Attributes { link: link.as_raw_fd(), flags: 0 })
}

/// A command that answers a new descriptor.
fn bpf<T>(command: bpf_cmd, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes as the attributes have, and what they point to, and writes to neither.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command as c_int, std::ptr::from_ref(attributes), size_of::<T>()) };
    let descriptor = c_int::try_from(result).map_err(io::Error::other)?;
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
