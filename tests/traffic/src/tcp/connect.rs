//! Ways to open a connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;
use std::os::fd::AsFd;

use super::{client, connection, transfer};
use crate::helper::with_server;
use crate::netns;
use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::server::Serve;
use crate::sockets;

/// `connect(2)` that waits.
pub(crate) fn blocking(socket: &Socket, peer: SocketAddr) -> io::Result<()> {
    socket.connect(&peer.into())
}

/// Does nothing: the exchange opens the connection itself.
fn later(_: &Socket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}

/// `connect(2)` that returns `EINPROGRESS`, then `poll(2)` until it completes. The socket stays non-blocking.
pub(crate) fn nonblocking(socket: &Socket, peer: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    match socket.connect(&peer.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Ok(()) => return Err(io::Error::other("connect did not answer EINPROGRESS")),
        other => return other,
    }
    wait_ready(socket, PollFlags::POLLOUT)?;
    socket.take_error()?.map_or(Ok(()), Err)
}

/// Waits until a socket is ready; `EAGAIN` if it is not within five seconds.
pub(crate) fn wait_ready(socket: &Socket, interest: PollFlags) -> io::Result<()> {
    let timeout = PollTimeout::try_from(Duration::from_secs(5)).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(socket.as_fd(), interest)], timeout)? {
        0 => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
        _ => Ok(()),
    }
}

/// `bind(2)` to a port before `connect(2)`.
fn bound(socket: &Socket, peer: SocketAddr) -> io::Result<()> {
    socket.bind(&SocketAddr::new(peer.ip(), 0).into())?;
    blocking(socket, peer)
}

/// The way `tcp-bound`.
pub(crate) fn from_bound_port(options: &Options) -> Result<Report> {
    client(options, bound, transfer::send_recv)
}

/// The way `tcp-fastopen`: the first bytes leave with the SYN where the system allows it.
pub(crate) fn fast_open(options: &Options) -> Result<Report> {
    client(options, later, transfer::fast_open)
}

/// The way `tcp-refused`: the port has no listener.
pub(crate) fn refused(options: &Options) -> Result<Report> {
    let (_kept, closed) = sockets::refusing(options.loopback(0))?;
    let peer = options.peer.unwrap_or(closed);
    let flows = (0..options.times(1))
        .map(|_| connection(options, peer, blocking, transfer::send_recv))
        .collect::<Result<Vec<_>>>()?;
    Ok(Report::of_all(Flow::client(Transport::Tcp), flows))
}

/// The way `tcp-unreachable`, in a separate network namespace with loopback and without routes.
pub(crate) fn unreachable(options: &Options) -> Result<Report> {
    netns::enter().context("cannot make a network namespace without routes")?;
    let address = if options.ipv6 { "[2001:db8::1]:9" } else { "203.0.113.1:9" };
    let mut peer: SocketAddr = address.parse()?;
    if options.mapped {
        peer = "[::ffff:203.0.113.1]:9".parse()?;
    }
    Ok(Report::of(connection(options, peer, blocking, transfer::send_recv)?))
}

/// The way `tcp-reuse`: refused once, then the same socket connects to a listener.
pub(crate) fn reuse(options: &Options) -> Result<Report> {
    with_server(options, Serve::TcpEcho, |peer| {
        let (_kept, closed) = sockets::refusing(options.loopback(0))?;
        let socket = sockets::tcp(peer)?;
        let mut first = Flow::client(Transport::Tcp).with_peer(closed);
        first.note(blocking(&socket, closed));
        first.note_local(&socket);
        let mut second = Flow::client(Transport::Tcp).with_peer(peer);
        if second.note(blocking(&socket, peer)).is_some() {
            transfer::send_recv(&socket, peer, &mut second, options)?;
        }
        second.finish(&socket);
        first.cookie = second.cookie;
        Ok(Report::of_all(Flow::client(Transport::Tcp).with_peer(peer), vec![first, second]))
    })
}
