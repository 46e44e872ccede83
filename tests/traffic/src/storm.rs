//! Load at full speed.

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

/// Calls between two readings of the clock.
const BATCH: u32 = 64;

/// What one thread did.
struct Count {
    /// The socket of the thread, or for TCP the sum of all its connections.
    flow: Flow,
    /// Successful calls or connections.
    done: u64,
    /// Failed ones by error.
    errors: BTreeMap<String, u64>,
}

impl Count {
    fn new(transport: Transport) -> Self {
        Self { flow: Flow::client(transport), done: 0, errors: BTreeMap::new() }
    }

    fn note<T>(&mut self, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => {
                self.done += 1;
                Some(value)
            }
            Err(error) => {
                *self.errors.entry(errno_name(&error)).or_default() += 1;
                self.flow.note(Err(error))
            }
        }
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
    let counts = threads(options, peer, end)?;
    let elapsed = begin.elapsed();
    let child = server.finish()?;
    Ok(report(options, counts, elapsed)?.with_child(Some(child)))
}

fn serve(kind: Storm) -> Serve {
    if kind == Storm::Tcp { Serve::TcpClose } else { Serve::UdpHold }
}

/// With changing peers one socket receives for all of them.
fn listen(options: &Options) -> SocketAddr {
    if options.kind == Storm::UdpChanging {
        return SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    }
    options.loopback(0)
}

fn threads(options: &Options, peer: SocketAddr, end: Instant) -> Result<Vec<Count>> {
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
        threads.into_iter().map(|thread| joined(thread.join())).collect()
    })
}

/// The server closes first, so that no client port stays in TIME-WAIT, and the client does not run ahead of it.
fn connects(peer: SocketAddr, end: Instant) -> Result<Count> {
    let mut count = Count::new(Transport::Tcp);
    count.flow = count.flow.with_peer(peer);
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
    let (mut count, mut number) = (Count::new(Transport::Udp), 0_u32);
    if options.kind == Storm::UdpOne {
        count.flow = count.flow.with_peer(peer);
    }
    while Instant::now() < end {
        for _ in 0..BATCH {
            number = number.wrapping_add(1);
            if let Some(bytes) = count.note(socket.send_to(&data, next(number))) {
                count.flow.note_send(Ok(bytes));
            }
        }
    }
    count.flow.finish(&socket);
    Ok(count)
}

fn report(options: &Options, counts: Vec<Count>, elapsed: Duration) -> Result<Report> {
    let transport = if options.kind == Storm::Tcp { Transport::Tcp } else { Transport::Udp };
    let done: u64 = counts.iter().map(|count| count.done).sum();
    let mut errors = BTreeMap::<String, u64>::new();
    for (name, count) in counts.iter().flat_map(|count| &count.errors) {
        *errors.entry(name.clone()).or_default() += count;
    }
    let flows = counts.into_iter().map(|count| count.flow).collect();
    Ok(Report::of_all(Flow::client(transport), flows)
        .detail("kind", value_name(&options.kind))
        .detail("threads", options.threads)
        .detail("done", done)
        .detail("errors", serde_json::to_value(errors)?)
        .detail("elapsed_ns", u64::try_from(elapsed.as_nanos())?))
}
