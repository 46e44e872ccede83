//! Ways over TCP.

pub(crate) mod connect;
pub(crate) mod many;
pub(crate) mod short;
pub(crate) mod transfer;

use std::io;
use std::net::SocketAddr;
use std::thread;

use anyhow::Result;
use socket2::Socket;

use crate::helper::with_server;
use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::server::Serve;
use crate::sockets;

/// How a connection is opened.
pub(crate) type Connect = fn(&Socket, SocketAddr) -> io::Result<()>;
/// What is done with an open connection.
pub(crate) type Exchange = fn(&Socket, SocketAddr, &mut Flow, &Options) -> Result<()>;

/// Opens a connection with one function and uses it with another, `--count` times one after the other.
pub(crate) fn client(options: &Options, connect: Connect, exchange: Exchange) -> Result<Report> {
    let serve = if options.one_way { Serve::TcpSink } else { Serve::TcpEcho };
    client_of(options, serve, connect, exchange)
}

/// The same with another server.
pub(crate) fn client_of(options: &Options, serve: Serve, connect: Connect, exchange: Exchange) -> Result<Report> {
    with_server(options, serve, |peer| {
        let flows =
            (0..options.times(1)).map(|_| connection(options, peer, connect, exchange)).collect::<Result<Vec<_>>>()?;
        Ok(Report::of_all(Flow::client(Transport::Tcp), flows))
    })
}

/// One connection from its opening to its close.
pub(crate) fn connection(options: &Options, peer: SocketAddr, connect: Connect, exchange: Exchange) -> Result<Flow> {
    let socket = sockets::tcp(peer)?;
    let mut flow = Flow::client(Transport::Tcp).with_peer(peer);
    if flow.note(connect(&socket, peer)).is_some() {
        thread::sleep(options.hold());
        exchange(&socket, peer, &mut flow, options)?;
    }
    flow.finish(&socket);
    Ok(flow)
}
