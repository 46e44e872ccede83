//! One peer, by each of the calls that send a datagram.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::thread;

use anyhow::{Context, Result};
use socket2::{MsgHdr, SockAddr, SockRef};

use crate::helper::with_server;
use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::server::Serve;
use crate::sockets;

/// A call that sends one datagram.
type Send = fn(&UdpSocket, SocketAddr, &[u8]) -> io::Result<usize>;

/// The way `udp-connected`: `connect(2)`, then `send(2)`.
pub(crate) fn connected(options: &Options) -> Result<Report> {
    run(options, true, |socket, _, data| socket.send(data))
}

/// The way `udp-write`: `connect(2)`, then `write(2)`.
pub(crate) fn written(options: &Options) -> Result<Report> {
    run(options, true, |socket, _, data| Ok(nix::unistd::write(socket, data)?))
}

/// The way `udp-sendto`: the peer is named with every `sendto(2)`.
pub(crate) fn sent_to(options: &Options) -> Result<Report> {
    run(options, false, |socket, peer, data| socket.send_to(data, peer))
}

/// The way `udp-sendmsg`: the peer is named with every `sendmsg(2)`.
pub(crate) fn message(options: &Options) -> Result<Report> {
    run(options, false, |socket, peer, data| {
        let (address, buffers) = (SockAddr::from(peer), [IoSlice::new(data)]);
        SockRef::from(socket).sendmsg(&MsgHdr::new().with_addr(&address).with_buffers(&buffers), 0)
    })
}

fn run(options: &Options, connect: bool, send: Send) -> Result<Report> {
    let size = options.datagram_size()?;
    let serve = if options.one_way { Serve::UdpSink } else { Serve::UdpEcho };
    with_server(options, serve, |peer| {
        let socket = sockets::udp(peer)?;
        let mut flow = Flow::client(Transport::Udp).with_peer(peer);
        if !connect || flow.note(socket.connect(peer)).is_some() {
            thread::sleep(options.hold());
            exchange(&socket, options, size, &mut flow, |data| send(&socket, peer, data));
        }
        flow.finish(&socket);
        Ok(Report::of(flow))
    })
}

/// Sends `--bytes` in datagrams, and waits for the answer to each; stops at the first error.
fn exchange(
    socket: &UdpSocket,
    options: &Options,
    size: usize,
    flow: &mut Flow,
    send: impl Fn(&[u8]) -> io::Result<usize>,
) {
    let (data, mut buffer) = (vec![0x5a; size], vec![0; size]);
    let mut left = options.bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(size).min(size);
        let Some(sent) = flow.note_send(send(&data[..length])) else { return };
        if !options.one_way && flow.note_receive(socket.recv(&mut buffer)).is_none() {
            return;
        }
        left -= sent as u64;
    }
}

/// The way `udp-refused`: the first send goes to a closed port, the second returns the error.
pub(crate) fn refused(options: &Options) -> Result<Report> {
    let size = options.datagram_size()?;
    let peer = options.peer.map_or_else(|| closed_port(options), Ok)?;
    let socket = sockets::udp(peer)?;
    let mut flow = Flow::client(Transport::Udp).with_peer(peer);
    if flow.note(socket.connect(peer)).is_some() {
        thread::sleep(options.hold());
        let data = vec![0x5a; size];
        flow.note_send(socket.send(&data));
        flow.note_send(socket.send(&data));
    }
    flow.finish(&socket);
    Ok(Report::of(flow))
}

/// A port that was just released, so that no other program is likely to use it.
fn closed_port(options: &Options) -> Result<SocketAddr> {
    let socket = UdpSocket::bind(options.loopback(0)).context("cannot bind a udp socket")?;
    socket.local_addr().context("a bound socket has no address")
}
