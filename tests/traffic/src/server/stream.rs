//! TCP servers that use their connections themselves.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::BorrowedFd;

use anyhow::{Context, Result};
use nix::sys::epoll::EpollFlags;
use socket2::Socket;

use super::Serve;
use super::waiter::Waiter;
use crate::report::{Flow, Role, Transport};
use crate::sockets;

const LISTENER: usize = 0;
/// Bytes read at once.
pub(super) const BUFFER: usize = 64 * 1024;

/// Serves until asked to stop; a flow for each connection, in the order in which they ended.
pub(super) fn serve(serve: Serve, listener: &Socket, stop: BorrowedFd<'_>) -> Result<Vec<Flow>> {
    let mut waiter = Waiter::new(stop)?;
    waiter.add(listener, LISTENER, EpollFlags::EPOLLIN)?;
    let mut open: HashMap<usize, (Socket, Flow)> = HashMap::new();
    let mut ended = Vec::new();
    let mut next = LISTENER + 1;
    let mut buffer = vec![0; BUFFER];
    while let Some(tokens) = waiter.wait(!open.is_empty())? {
        for token in tokens {
            if token == LISTENER {
                let (socket, flow) = accept(listener)?;
                if serve == Serve::TcpClose {
                    ended.push(end(&socket, flow));
                    continue;
                }
                waiter.add(&socket, next, interest(serve))?;
                open.insert(next, (socket, flow));
                next += 1;
            } else if let Some((socket, mut flow)) = open.remove(&token) {
                if serve != Serve::TcpIdle && step(serve, &socket, &mut flow, &mut buffer) {
                    open.insert(token, (socket, flow));
                } else {
                    ended.push(end(&socket, flow));
                }
            }
        }
    }
    ended.extend(open.into_values().map(|(socket, flow)| end(&socket, flow)));
    Ok(ended)
}

fn interest(serve: Serve) -> EpollFlags {
    if serve == Serve::TcpIdle { EpollFlags::EPOLLRDHUP } else { EpollFlags::EPOLLIN }
}

/// Accepts a connection.
pub(super) fn accept(listener: &Socket) -> Result<(Socket, Flow)> {
    let (socket, peer) = listener.accept().context("cannot accept")?;
    let mut flow = Flow::new(Role::Server, Transport::Tcp);
    flow.peer = peer.as_socket().map(crate::report::canonical);
    flow.note_local(&socket);
    Ok((sockets::patient(socket)?, flow))
}

fn end(socket: &Socket, mut flow: Flow) -> Flow {
    flow.finish(socket);
    flow
}

/// Reads once, and answers if this server does; false at the end of the connection.
pub(super) fn step(serve: Serve, mut socket: &Socket, flow: &mut Flow, buffer: &mut [u8]) -> bool {
    let Some(length @ 1..) = flow.note_receive(socket.read(buffer)) else { return false };
    serve == Serve::TcpSink || send_all(socket, flow, &buffer[..length])
}

fn send_all(mut socket: &Socket, flow: &mut Flow, mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        match flow.note_send(socket.write(rest)) {
            Some(length) => rest = &rest[length..],
            None => return false,
        }
    }
    true
}
