//! One unconnected socket, several peers.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;

use anyhow::{Context, Result};
use socket2::SockAddr;

use crate::helper::Server;
use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::server::Serve;
use crate::sockets;
use crate::tcp::many::joined;

/// Flows by peer.
type Flows = BTreeMap<SocketAddr, Flow>;

/// Where `--peers` peers listen: half of them on ports of one address, half on addresses of their own
/// (IPv6 has one loopback address, so there all are ports).
fn places(options: &Options) -> Vec<SocketAddr> {
    (0..options.peers)
        .map(|index| match (options.ipv6, index % 2) {
            (false, 1) => {
                let [_, high, middle, low] = (index + 1).to_be_bytes();
                SocketAddr::new(options.in_family(Ipv4Addr::new(127, high + 1, middle, low)), 0)
            }
            _ => options.loopback(0),
        })
        .collect()
}

/// Starts the peers, lets `work` use them, and reports flow by flow.
fn with_peers(options: &Options, work: impl FnOnce(&UdpSocket, &[SocketAddr]) -> Result<Flows>) -> Result<Report> {
    let serve = if options.one_way { Serve::UdpSink } else { Serve::UdpEcho };
    let server = Server::start(serve, &places(options))?;
    let socket = sockets::udp(options.loopback(0))?;
    let flows = work(&socket, &server.addresses)?;
    let flows = flows.into_values().map(|flow| finished(flow, &socket)).collect();
    Ok(Report::of_all(Flow::client(Transport::Udp), flows).with_child(Some(server.finish()?)))
}

fn finished(mut flow: Flow, socket: &UdpSocket) -> Flow {
    flow.finish(socket);
    flow
}

fn flow_of(flows: &mut Flows, peer: SocketAddr) -> &mut Flow {
    flows.entry(peer).or_insert_with(|| Flow::client(Transport::Udp).with_peer(peer))
}

/// Reads one datagram and counts it for the peer that sent it; false if none came.
fn receive(socket: &UdpSocket, flows: &mut Flows, asked: SocketAddr, buffer: &mut [u8]) -> bool {
    match socket.recv_from(buffer) {
        Ok((length, peer)) => flow_of(flows, peer).note_receive(Ok(length)).is_some(),
        Err(error) => flow_of(flows, asked).note_receive(Err(error)).is_some(),
    }
}

/// The way `udp-many-peers`: `--rounds` times a datagram to each peer in turn.
pub(crate) fn round_robin(options: &Options) -> Result<Report> {
    let (data, mut buffer) = (vec![0x5a; options.datagram_size()?], vec![0; options.datagram_size()?]);
    with_peers(options, |socket, peers| {
        let mut flows = Flows::new();
        for peer in (0..options.rounds).flat_map(|_| peers.iter().copied()) {
            let sent = flow_of(&mut flows, peer).note_send(socket.send_to(&data, peer)).is_some();
            if sent && !options.one_way && !receive(socket, &mut flows, peer, &mut buffer) {
                break;
            }
        }
        Ok(flows)
    })
}

/// The way `udp-threads`: threads share the socket, each sends to a peer of its own.
pub(crate) fn threads(options: &Options) -> Result<Report> {
    let size = options.datagram_size()?;
    let datagrams = options.times(options.bytes.div_ceil(size as u64));
    let options = Options { peers: options.threads, ..options.clone() };
    with_peers(&options, |socket, peers| {
        let one = |peer| ping(socket, peer, datagrams, size, options.one_way);
        thread::scope(|scope| {
            let threads: Vec<_> = peers.iter().map(|&peer| scope.spawn(move || Ok(one(peer)))).collect();
            threads.into_iter().try_fold(Flows::new(), |all, thread| Ok(merge(all, joined(thread.join())?)))
        })
    })
}

/// Sends so many datagrams to one peer and reads as many, from whomever they come: the threads share what
/// arrives, and each reads once for every datagram that it sent.
fn ping(socket: &UdpSocket, peer: SocketAddr, datagrams: u64, size: usize, one_way: bool) -> Flows {
    let (data, mut buffer, mut flows) = (vec![0x5a; size], vec![0; size], Flows::new());
    for _ in 0..datagrams {
        let sent = flow_of(&mut flows, peer).note_send(socket.send_to(&data, peer)).is_some();
        if !sent || !(one_way || receive(socket, &mut flows, peer, &mut buffer)) {
            break;
        }
    }
    flows
}

fn merge(mut all: Flows, other: Flows) -> Flows {
    for (peer, flow) in other {
        // The thread that sends to a peer is the one to name, not one that happened to read its answer.
        let entry = all.entry(peer).or_insert_with(|| Flow::client(Transport::Udp).with_peer(peer));
        if flow.sends > 0 {
            entry.tid = flow.tid;
        }
        entry.add(&flow);
    }
    all
}

/// The way `udp-sendmmsg`: one call sends a datagram to each peer, `--rounds` times.
pub(crate) fn one_call(options: &Options) -> Result<Report> {
    let (data, mut buffer) = (vec![0x5a; options.datagram_size()?], vec![0; options.datagram_size()?]);
    with_peers(options, |socket, peers| {
        let mut flows = Flows::new();
        for _ in 0..options.rounds {
            let sent = match sendmmsg(socket, peers, &data) {
                Ok(sent) => sent,
                Err(error) => {
                    let first = peers.first().copied().context("there are no peers")?;
                    flow_of(&mut flows, first).note_send(Err(error));
                    break;
                }
            };
            for (&peer, &length) in peers.iter().zip(&sent) {
                flow_of(&mut flows, peer).note_send(Ok(length));
            }
            for &peer in peers.iter().take(if options.one_way { 0 } else { sent.len() }) {
                receive(socket, &mut flows, peer, &mut buffer);
            }
        }
        Ok(flows)
    })
}

/// One `sendmmsg(2)`; the bytes that the kernel took of each message it sent.
fn sendmmsg(socket: &UdpSocket, peers: &[SocketAddr], data: &[u8]) -> io::Result<Vec<usize>> {
    let addresses: Vec<SockAddr> = peers.iter().copied().map(SockAddr::from).collect();
    let mut vector = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let mut messages: Vec<libc::mmsghdr> = addresses.iter().map(|address| header(address, &raw mut vector)).collect();
    let count = u32::try_from(messages.len()).map_err(io::Error::other)?;
    // SAFETY: every header points to an address and to the one vector, all of which outlive the call; the
    // kernel only reads the data.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
    let sent = usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
    Ok(messages.iter().take(sent).map(|message| message.msg_len as usize).collect())
}

fn header(address: &SockAddr, vector: *mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeroes is a valid `mmsghdr`.
    let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
    message.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
    message.msg_hdr.msg_namelen = address.len();
    message.msg_hdr.msg_iov = vector;
    message.msg_hdr.msg_iovlen = 1;
    message
}
