//! Full speed, for loss and cost.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::helper::Server;
use crate::options::{Options, value_name};
use crate::report::{Flow, Report, Transport, errno_name};
use crate::server::Serve;
use crate::sockets;
use crate::tcp::many::joined;

/// What a storm is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Storm {
    /// Connect, wait for the peer's close, close.
    Tcp,
    /// `sendto(2)` to one peer.
    UdpOne,
    /// `sendto(2)` to another peer each time, 65,536 of them in turn (IPv4 alone).
    UdpChanging,
}

/// Calls between two looks at the clock.
const BATCH: u32 = 64;

/// What one thread did.
#[derive(Default)]
struct Count {
    done: u64,
    bytes: u64,
    errors: BTreeMap<String, u64>,
}

impl Count {
    fn note(&mut self, result: io::Result<usize>) {
        match result {
            Ok(bytes) => {
                self.done += 1;
                self.bytes += bytes as u64;
            }
            Err(error) => *self.errors.entry(errno_name(&error)).or_default() += 1,
        }
    }

    fn add(mut self, other: Self) -> Self {
        self.done += other.done;
        self.bytes += other.bytes;
        for (name, count) in other.errors {
            *self.errors.entry(name).or_default() += count;
        }
        self
    }
}

/// The way `storm`.
pub(crate) fn run(options: &Options) -> Result<Report> {
    if options.kind == Storm::UdpChanging && (options.ipv6 || options.mapped) {
        bail!("a storm over changing peers needs the many loopback addresses of IPv4");
    }
    let server = Server::start(serve(options.kind), &[listen(options)])?;
    let peer = SocketAddr::new(options.loopback(0).ip(), server.address()?.port());
    let begin = Instant::now();
    let end = begin + Duration::try_from_secs_f64(options.seconds)?;
    let count = threads(options, peer, end)?;
    let elapsed = begin.elapsed();
    let child = server.finish()?;
    Ok(report(options, count, peer, elapsed)?.with_child(Some(child)))
}

fn serve(kind: Storm) -> Serve {
    if kind == Storm::Tcp { Serve::TcpClose } else { Serve::UdpHold }
}

/// With changing peers one socket stands for all of them.
fn listen(options: &Options) -> SocketAddr {
    if options.kind == Storm::UdpChanging {
        return SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    }
    options.loopback(0)
}

fn threads(options: &Options, peer: SocketAddr, end: Instant) -> Result<Count> {
    let one = || match options.kind {
        Storm::Tcp => connects(peer, end),
        Storm::UdpOne => datagrams(options, peer, end, |_| peer),
        Storm::UdpChanging => datagrams(options, peer, end, |number| {
            let [_, _, high, low] = number.to_be_bytes();
            SocketAddr::new(Ipv4Addr::new(127, 1, high, low).into(), peer.port())
        }),
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().try_fold(Count::default(), |all, thread| Ok(all.add(joined(thread.join())?)))
    })
}

/// The server closes first, so that no port of the client's has to rest, and the client never runs ahead of it.
fn connects(peer: SocketAddr, end: Instant) -> Result<Count> {
    let mut count = Count::default();
    while Instant::now() < end {
        let socket = sockets::tcp(peer)?;
        let mut reader = &socket;
        count.note(socket.connect(&peer.into()).and_then(|()| reader.read(&mut [0])));
    }
    Ok(count)
}

fn datagrams(options: &Options, peer: SocketAddr, end: Instant, next: impl Fn(u32) -> SocketAddr) -> Result<Count> {
    let socket = sockets::udp(peer)?;
    let data = vec![0x5a; options.datagram_size()?];
    let (mut count, mut number) = (Count::default(), 0_u32);
    while Instant::now() < end {
        for _ in 0..BATCH {
            number = number.wrapping_add(1);
            count.note(socket.send_to(&data, next(number)));
        }
    }
    Ok(count)
}

fn report(options: &Options, count: Count, peer: SocketAddr, elapsed: Duration) -> Result<Report> {
    let transport = if options.kind == Storm::Tcp { Transport::Tcp } else { Transport::Udp };
    let mut flow = Flow::client(transport);
    if options.kind != Storm::UdpChanging {
        flow = flow.with_peer(peer);
    }
    flow.sent = count.bytes;
    flow.sends = if transport == Transport::Udp { count.done } else { 0 };
    flow.errno = count.errors.keys().next().cloned();
    Ok(Report::of(flow)
        .detail("kind", value_name(&options.kind))
        .detail("threads", options.threads)
        .detail("done", count.done)
        .detail("errors", serde_json::to_value(count.errors)?)
        .detail("elapsed_ns", u64::try_from(elapsed.as_nanos())?))
}
