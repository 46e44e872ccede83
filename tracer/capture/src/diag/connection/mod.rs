//! A netlink socket to `sock_diag`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use egret_model::{Endpoint, Transport};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::message::{self, Message};
use super::request::{self, Family};
use super::socket::{DiagSocket, parse_inet};
use super::{DiagError, packet};

/// A message of a dump is at most 32 KiB (`netlink_dump()`).
const BUFFER_BYTES: usize = 32 * 1024;

/// A netlink socket in the network namespace of the thread that opened it. Other threads may use it, and get the
/// sockets of that namespace.
pub struct Diag {
    socket: netlink_sys::Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Diag {
    /// Opens a socket in the calling thread's network namespace. It has a buffer of 32 KiB.
    ///
    /// # Errors
    ///
    /// The kernel has no `sock_diag`, or there is no descriptor left.
    pub fn open() -> Result<Self, DiagError> {
        let socket = netlink_sys::Socket::new(NETLINK_SOCK_DIAG).map_err(DiagError::Open)?;
        Ok(Self { socket, buffer: Vec::with_capacity(BUFFER_BYTES), sequence: 0 })
    }

    /// Calls `each` with every socket of a transport: IPv4 and IPv6, listening and connected, but neither
    /// TIME-WAIT nor half-open ones. `Transport::Raw(_)` lists raw sockets of all protocols; ICMP sockets cannot
    /// be listed.
    ///
    /// # Errors
    ///
    /// The kernel refuses ([`DiagError::is_unsupported`] if it does not have this list), or its answer is malformed.
    pub fn list(&mut self, transport: Transport, mut each: impl FnMut(DiagSocket)) -> Result<(), DiagError> {
        if transport == Transport::Packet {
            return self.request(transport, &packet::request(), true, packet::parse, &mut each);
        }
        for family in [Family::V4, Family::V6] {
            let request = request::list(transport, family);
            self.request(transport, &request, true, |payload| parse_inet(transport, payload), &mut each)?;
        }
        Ok(())
    }

    /// The TCP, UDP or UDP-Lite socket with exactly these endpoints. The kernel finds it by its hash tables.
    ///
    /// `None` if there is none. A listener or an unconnected socket that would receive the packet does not count,
    /// nor does a socket in TIME-WAIT that has no owner.
    ///
    /// # Errors
    ///
    /// As [`Self::list`].
    pub fn lookup(
        &mut self,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Result<Option<DiagSocket>, DiagError> {
        let (local, peer) = (canonical(local), canonical(peer));
        let is_supported = matches!(transport, Transport::Tcp | Transport::Udp | Transport::UdpLite);
        if !is_supported || local.is_ipv4() != peer.is_ipv4() {
            return Ok(None);
        }
        let found = self.one(transport, local, peer)?;
        Ok(found.filter(|socket| socket.local == endpoint(local) && socket.peer == endpoint(peer)))
    }

    /// The TCP socket that listens for connections to this address: at the address itself, or at every address.
    /// The kernel finds it by its hash tables. A listener that is bound to a device is not found.
    ///
    /// # Errors
    ///
    /// As [`Self::lookup`].
    pub fn listener(&mut self, local: SocketAddr) -> Result<Option<DiagSocket>, DiagError> {
        let local = canonical(local);
        let any = if local.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let found = self.one(Transport::Tcp, local, SocketAddr::new(any, 0))?;
        Ok(found.filter(|socket| socket.is_listening() && socket.local.port == Some(local.port())))
    }

    fn one(
        &mut self,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Result<Option<DiagSocket>, DiagError> {
        let mut found = None;
        let request = request::exact(transport, local, peer);
        let parse = |payload: &[u8]| parse_inet(transport, payload);
        match self.request(transport, &request, false, parse, &mut |socket| found = Some(socket)) {
            Err(DiagError::Refused { source, .. }) if source.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(found.filter(|socket| socket.inode != 0)),
        }
    }

    fn request(
        &mut self,
        transport: Transport,
        request: &[u8],
        dump: bool,
        parse: impl Fn(&[u8]) -> Option<DiagSocket>,
        each: &mut dyn FnMut(DiagSocket),
    ) -> Result<(), DiagError> {
        self.sequence = self.sequence.wrapping_add(1);
        let failed = |source| DiagError::Request { transport, source };
        let malformed = || DiagError::Malformed { transport };
        self.socket.send(&request::frame(request, dump, self.sequence), 0).map_err(failed)?;
        loop {
            self.receive().map_err(failed)?;
            let mut rest = self.buffer.as_slice();
            while !rest.is_empty() {
                let (message, after) = message::next(rest, self.sequence).map_err(|_| malformed())?;
                rest = after;
                match message {
                    Message::Socket(payload) => each(parse(payload).ok_or_else(malformed)?),
                    Message::End(result) => {
                        return result.map_err(|source| DiagError::Refused { transport, source });
                    }
                    Message::Other => continue,
                }
                if !dump {
                    return Ok(());
                }
            }
        }
    }

    /// Receives one datagram. The kernel answers before `send` returns, so that this does not block.
    fn receive(&mut self) -> io::Result<()> {
        self.buffer.clear();
        loop {
            match self.socket.recv(&mut self.buffer, 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|_| ()),
            }
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => address,
        ip => SocketAddr::new(ip, address.port()),
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address: Some(address.ip()), port: Some(address.port()), interface: None }
}

#[cfg(test)]
mod tests;
