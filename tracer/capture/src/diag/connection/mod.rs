//! A conversation with the kernel's `sock_diag`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use egret_model::{Endpoint, Transport};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::message::{self, Message};
use super::request::{self, Family};
use super::socket::{DiagSocket, parse_inet};
use super::{DiagError, packet};

/// The kernel's dumps fill at most 32 KiB at once (`netlink_dump()`).
const BUFFER_BYTES: usize = 32 * 1024;

/// A netlink socket in one network namespace: the one of the thread that opened it. It may be used from
/// any thread afterwards and keeps asking about that namespace.
pub struct Diag {
    socket: netlink_sys::Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Diag {
    /// Opens a conversation about the calling thread's network namespace. Holds 32 KiB.
    ///
    /// # Errors
    ///
    /// There is no `sock_diag`, or no descriptor left.
    pub fn open() -> Result<Self, DiagError> {
        let socket = netlink_sys::Socket::new(NETLINK_SOCK_DIAG).map_err(DiagError::Open)?;
        Ok(Self { socket, buffer: Vec::with_capacity(BUFFER_BYTES), sequence: 0 })
    }

    /// Hands every standing socket of a transport to `each`: IPv4 and IPv6, listening and connected, but
    /// neither TIME-WAIT nor half-open ones. `Transport::Raw(_)` lists raw sockets of all protocols; ICMP
    /// sockets cannot be listed.
    ///
    /// # Errors
    ///
    /// The kernel refuses ([`DiagError::is_unsupported`] if it just does not have this list), or its answer
    /// makes no sense.
    pub fn list(&mut self, transport: Transport, mut each: impl FnMut(DiagSocket)) -> Result<(), DiagError> {
        if transport == Transport::Packet {
            return self.ask(transport, &packet::request(), true, packet::parse, &mut each);
        }
        for family in [Family::V4, Family::V6] {
            let question = request::list(transport, family);
            self.ask(transport, &question, true, |payload| parse_inet(transport, payload), &mut each)?;
        }
        Ok(())
    }

    /// The socket whose two ends are exactly these, TCP, UDP or UDP-Lite. The kernel finds it by its hash
    /// tables.
    ///
    /// `None` if there is none: a listener or an unconnected socket that would receive the packet is not an
    /// answer, nor is one in TIME-WAIT that no process holds.
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
        let answers = matches!(transport, Transport::Tcp | Transport::Udp | Transport::UdpLite);
        if !answers || local.is_ipv4() != peer.is_ipv4() {
            return Ok(None);
        }
        let found = self.one(transport, local, peer)?;
        Ok(found.filter(|socket| socket.local == endpoint(local) && socket.peer == endpoint(peer)))
    }

    /// The TCP socket that would be asked for a connection to this address: one that listens there, or at every address. The
    /// kernel finds it by its hash tables. One that is bound to a device is not found.
    ///
    /// # Errors
    ///
    /// As [`Self::lookup`].
    pub fn listener(&mut self, local: SocketAddr) -> Result<Option<DiagSocket>, DiagError> {
        let local = canonical(local);
        let nobody = if local.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let found = self.one(Transport::Tcp, local, SocketAddr::new(nobody, 0))?;
        Ok(found.filter(|socket| socket.is_listening() && socket.local.port == Some(local.port())))
    }

    fn one(
        &mut self,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Result<Option<DiagSocket>, DiagError> {
        let mut found = None;
        let question = request::exact(transport, local, peer);
        let parse = |payload: &[u8]| parse_inet(transport, payload);
        match self.ask(transport, &question, false, parse, &mut |socket| found = Some(socket)) {
            Err(DiagError::Refused { source, .. }) if source.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(found.filter(|socket| socket.inode != 0)),
        }
    }

    fn ask(
        &mut self,
        transport: Transport,
        question: &[u8],
        dump: bool,
        parse: impl Fn(&[u8]) -> Option<DiagSocket>,
        each: &mut dyn FnMut(DiagSocket),
    ) -> Result<(), DiagError> {
        self.sequence = self.sequence.wrapping_add(1);
        let failed = |source| DiagError::Ask { transport, source };
        let malformed = || DiagError::Malformed { transport };
        self.socket.send(&request::frame(question, dump, self.sequence), 0).map_err(failed)?;
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

    /// One datagram of the kernel. It answers before `send` returns, so this does not wait.
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
    Endpoint { address: Some(address.ip()), port: Some(address.port()) }
}

#[cfg(test)]
mod tests;
