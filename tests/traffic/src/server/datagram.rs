//! UDP servers.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::BorrowedFd;

use anyhow::{Context, Result};
use nix::sys::epoll::EpollFlags;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Serve;
use super::waiter::Waiter;
use crate::report::{Flow, Role, Transport};
use crate::sockets;

/// The largest datagram.
const BUFFER: usize = 65_536;

type Flows = BTreeMap<(usize, SocketAddr), Flow>;

/// A bound socket for each address.
pub(crate) fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<UdpSocket>> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise the limit of open files")?;
    addresses
        .iter()
        .map(|address| UdpSocket::bind(address).with_context(|| format!("cannot bind udp {address}")))
        .collect()
}

/// Serves until asked to stop; a flow for each socket and client.
pub(crate) fn serve(serve: Serve, bound: &[UdpSocket], stop: BorrowedFd<'_>) -> Result<Vec<Flow>> {
    let mut waiter = Waiter::new(stop)?;
    for (token, socket) in bound.iter().enumerate() {
        if serve == Serve::UdpGro {
            sockets::set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1).context("cannot set UDP_GRO")?;
        }
        if serve != Serve::UdpHold {
            waiter.add(socket, token, EpollFlags::EPOLLIN)?;
        }
    }
    let mut flows = Flows::new();
    let mut buffer = vec![0; BUFFER];
    while let Some(tokens) = waiter.wait(false)? {
        for token in tokens {
            step(serve, token, &bound[token], &mut flows, &mut buffer);
        }
    }
    Ok(flows.into_iter().map(|((token, _), flow)| finished(flow, &bound[token])).collect())
}

fn step(serve: Serve, token: usize, socket: &UdpSocket, flows: &mut Flows, buffer: &mut [u8]) {
    // An error (an ICMP answer to an earlier reply) belongs to no client and leaves the socket usable.
    let Ok((length, client)) = socket.recv_from(buffer) else { return };
    let flow =
        flows.entry((token, client)).or_insert_with(|| Flow::new(Role::Server, Transport::Udp).with_peer(client));
    flow.note_receive(Ok(length));
    if serve != Serve::UdpSink {
        flow.note_send(socket.send_to(&buffer[..length], client));
    }
}

fn finished(mut flow: Flow, socket: &UdpSocket) -> Flow {
    flow.finish(socket);
    flow
}
