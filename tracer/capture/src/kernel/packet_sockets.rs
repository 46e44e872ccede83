//! Packet sockets: their totals, and which of them are closed. No hook runs when one is released.

use std::io;

use aya::Ebpf;
use aya::maps::{Array, HashMap, MapData, MapError};
use egret_wire::{PacketSocket, PeerTotals};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::error::LoadError;
use super::maps::take;

/// The kernel side's table of packet sockets.
pub(super) struct PacketSockets {
    sockets: HashMap<MapData, u64, PacketSocket>,
    /// Cookie of the socket that the hook on releases is to check.
    asked: Array<MapData, u64>,
}

impl PacketSockets {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, LoadError> {
        Ok(Self { sockets: take(ebpf, "UNRELEASED")?, asked: take(ebpf, "ASKED")? })
    }

    /// Cookies of the sockets, and when each was first used.
    pub(super) fn all(&self) -> Vec<(u64, u64)> {
        self.sockets.iter().filter_map(Result::ok).map(|(cookie, found)| (cookie, found.totals.opened_ns)).collect()
    }

    pub(super) fn totals(&self, cookie: u64) -> Option<PeerTotals> {
        self.sockets.get(&cookie, 0).ok().map(|found| found.totals)
    }

    /// Takes the totals of a socket, if it is closed.
    pub(super) fn take_closed(&mut self, cookie: u64) -> io::Result<Option<PeerTotals>> {
        let other = |error: MapError| io::Error::other(error);
        self.asked.set(0, cookie, 0).map_err(other)?;
        let released = release_a_socket();
        self.asked.set(0, 0, 0).map_err(other)?;
        released?;
        let Ok(found) = self.sockets.get(&cookie, 0) else { return Ok(None) };
        if found.is_gone == 0 {
            return Ok(None);
        }
        self.sockets.remove(&cookie).map_err(other)?;
        Ok(Some(found.totals))
    }
}

/// Releases an Internet socket, so that the hook on releases runs.
fn release_a_socket() -> io::Result<()> {
    drop(socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?);
    Ok(())
}
