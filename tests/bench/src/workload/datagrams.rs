//! Datagrams to one peer, to several, and to changing ones.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;

use anyhow::{Context as _, Result};
use socket2::{SockFilter, SockRef};

use super::Workload;

/// Payload, bytes.
const SIZE: usize = 64;

struct ToPeers {
    sender: UdpSocket,
    peers: Vec<SocketAddr>,
    /// Next peer.
    next: usize,
    /// Kept open, so that no ICMP error is sent.
    _receiver: UdpSocket,
}

pub(super) fn one_peer(_: usize) -> Result<Box<dyn Workload>> {
    to_peers(1)
}

pub(super) fn few_peers(_: usize) -> Result<Box<dyn Workload>> {
    to_peers(64)
}

pub(super) fn many_peers(_: usize) -> Result<Box<dyn Workload>> {
    to_peers(4096)
}

/// A socket that sends to this many peers in turn.
pub(super) fn to_peers(count: u16) -> Result<Box<dyn Workload>> {
    let (receiver, peers) = peers(count)?;
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(Box::new(ToPeers { sender, peers, next: 0, _receiver: receiver }))
}

/// Addresses of one receiver that drops all datagrams.
fn peers(count: u16) -> Result<(UdpSocket, Vec<SocketAddr>)> {
    let receiver = dropping(if count == 1 { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED })?;
    let port = receiver.local_addr()?.port();
    let address = |number: u16| {
        let [high, low] = number.to_be_bytes();
        if count == 1 { Ipv4Addr::LOCALHOST } else { Ipv4Addr::new(127, 2, high, low) }
    };
    Ok((receiver, (0..count).map(|number| SocketAddr::new(address(number).into(), port)).collect()))
}

/// A socket whose filter (classic BPF: return 0) drops every datagram: neither a full buffer nor the speed of a
/// reader affects the cost of a send.
pub(crate) fn dropping(address: Ipv4Addr) -> Result<UdpSocket> {
    const RETURN: u16 = 0x06;
    let socket = UdpSocket::bind((address, 0)).context("cannot bind")?;
    SockRef::from(&socket).attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)]).context("cannot attach a filter")?;
    Ok(socket)
}

impl Workload for ToPeers {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let peer = self.peers.get(self.next).context("there is no peer")?;
            self.next = (self.next + 1) % self.peers.len();
            self.sender.send_to(&[0x5a; SIZE], peer).context("cannot send")?;
        }
        Ok(())
    }
}

struct Connected {
    sender: UdpSocket,
    /// Kept open, as above.
    _receiver: UdpSocket,
}

pub(super) fn connected(_: usize) -> Result<Box<dyn Workload>> {
    let receiver = dropping(Ipv4Addr::LOCALHOST)?;
    Ok(Box::new(Connected { sender: connected_to(&receiver)?, _receiver: receiver }))
}

fn connected_to(receiver: &UdpSocket) -> Result<UdpSocket> {
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    sender.connect(receiver.local_addr()?)?;
    Ok(sender)
}

impl Workload for Connected {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            self.sender.send(&[0x5a; SIZE]).context("cannot send")?;
        }
        Ok(())
    }
}

struct Received {
    sender: UdpSocket,
    receiver: UdpSocket,
}

pub(super) fn received(_: usize) -> Result<Box<dyn Workload>> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(Box::new(Received { sender: connected_to(&receiver)?, receiver }))
}

impl Workload for Received {
    fn run(&mut self, operations: u64) -> Result<()> {
        let mut buffer = [0; SIZE];
        for _ in 0..operations {
            self.sender.send(&[0x5a; SIZE]).context("cannot send")?;
            self.receiver.recv_from(&mut buffer).context("cannot receive")?;
        }
        Ok(())
    }
}

struct Unix(UnixDatagram, UnixDatagram);

pub(super) fn unix(_: usize) -> Result<Box<dyn Workload>> {
    let (one, other) = UnixDatagram::pair()?;
    Ok(Box::new(Unix(one, other)))
}

impl Workload for Unix {
    fn run(&mut self, operations: u64) -> Result<()> {
        let mut buffer = [0; SIZE];
        for _ in 0..operations {
            self.0.send(&[0x5a; SIZE]).context("cannot send")?;
            self.1.recv(&mut buffer).context("cannot receive")?;
        }
        Ok(())
    }
}
