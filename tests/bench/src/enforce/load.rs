//! Connections and datagrams with their latencies.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use socket2::SockRef;

use super::hosts::Hosts;
use crate::workload::dropping;

/// An operation that one client repeats.
pub(super) trait Load {
    /// Runs it once; returns how long the program waited for its connection or datagram.
    fn once(&mut self) -> Result<Duration>;
}

/// A load that can be made.
pub(super) struct Kind {
    /// The name in tables.
    pub(super) name: &'static str,
    /// What is done.
    pub(super) operation: &'static str,
    /// Makes what it needs, in a thread on the near host.
    pub(super) make: fn(&Hosts) -> Result<Box<dyn Load>>,
}

/// All of them, in the order of the tables.
pub(super) static ALL: &[Kind] = &[
    Kind {
        name: "tcp-loopback",
        operation: "connect, accept and close both sockets in one thread (by a reset, so that nothing lingers), always to the \
                    same listener on loopback",
        make: |_| Ok(Box::new(SamePeer::at(listen(Ipv4Addr::LOCALHOST)?)?)),
    },
    Kind {
        name: "tcp-veth",
        operation: "the same to a listener in another network namespace, behind a veth pair",
        make: |hosts| Ok(Box::new(SamePeer::at(hosts.far(|| listen(Hosts::FAR))?)?)),
    },
    Kind {
        name: "tcp-new-peer",
        operation: "the same to an address of 127.0.0.0/8 to which nothing has connected before",
        make: |_| Ok(Box::new(NewPeer(listen(Ipv4Addr::UNSPECIFIED)?))),
    },
    Kind {
        name: "tcp-new-process",
        operation: "a program is started that connects to the same listener on loopback, and ends; its start is in the rate, \
                    and not in the latency",
        make: |_| Ok(Box::new(NewProcess(listen(Ipv4Addr::LOCALHOST)?))),
    },
    Kind {
        name: "udp-veth",
        operation: "sendto of 64 bytes from one socket to one peer behind a veth pair, which never answers",
        make: |hosts| Ok(Box::new(OneWay { sender: Some(sender()?), receiver: hosts.far(|| dropping(Hosts::FAR))? })),
    },
    Kind {
        name: "udp-new-socket",
        operation: "the same from a new socket each time",
        make: |hosts| Ok(Box::new(OneWay { sender: None, receiver: hosts.far(|| dropping(Hosts::FAR))? })),
    },
];

fn listen(address: Ipv4Addr) -> Result<TcpListener> {
    TcpListener::bind((address, 0)).context("cannot listen")
}

/// Connects, accepts and resets; returns the duration of the connect.
fn connect_to(address: SocketAddr, listener: &TcpListener) -> Result<Duration> {
    let begin = Instant::now();
    let client = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    let taken = begin.elapsed();
    let server = listener.accept().context("cannot accept")?;
    SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    drop((client, server));
    Ok(taken)
}

struct SamePeer {
    listener: TcpListener,
    address: SocketAddr,
}

impl SamePeer {
    fn at(listener: TcpListener) -> Result<Self> {
        Ok(Self { address: listener.local_addr()?, listener })
    }
}

impl Load for SamePeer {
    fn once(&mut self) -> Result<Duration> {
        connect_to(self.address, &self.listener)
    }
}

struct NewPeer(TcpListener);

/// The number of addresses used, so that none is used twice by this program.
static USED: AtomicU32 = AtomicU32::new(0);

impl Load for NewPeer {
    fn once(&mut self) -> Result<Duration> {
        // The upper half of the network: other loads use the lower one.
        let [_, high, middle, low] = (USED.fetch_add(1, Ordering::Relaxed) % (1 << 23)).to_be_bytes();
        let address = Ipv4Addr::new(127, 128 | high, middle, low);
        connect_to(SocketAddr::new(address.into(), self.0.local_addr()?.port()), &self.0)
    }
}

struct NewProcess(TcpListener);

impl Load for NewProcess {
    fn once(&mut self) -> Result<Duration> {
        let address = self.0.local_addr()?.to_string();
        let mut command = Command::new(std::env::current_exe().context("this program has a path")?);
        let output =
            command.args(["connect", &address]).stdin(Stdio::null()).output().context("cannot start itself")?;
        if !output.status.success() {
            bail!("it could not connect: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        drop(self.0.accept().context("cannot accept")?);
        Ok(Duration::from_nanos(String::from_utf8_lossy(&output.stdout).trim().parse().context("a number")?))
    }
}

/// Main function of a new process: connects, resets, and prints the duration of the connect in nanoseconds.
pub(crate) fn connect(address: SocketAddr) -> Result<()> {
    let begin = Instant::now();
    let client = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    let taken = begin.elapsed();
    SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    println!("{}", taken.as_nanos());
    Ok(())
}

struct OneWay {
    /// `None`: a new one each time.
    sender: Option<UdpSocket>,
    /// On the far host, so that no ICMP error is sent.
    receiver: UdpSocket,
}

fn sender() -> Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("cannot bind")
}

impl Load for OneWay {
    fn once(&mut self) -> Result<Duration> {
        let to = self.receiver.local_addr()?;
        let send = |sender: &UdpSocket| {
            let begin = Instant::now();
            sender.send_to(&[0x5a; 64], to).context("cannot send")?;
            Ok(begin.elapsed())
        };
        match &self.sender {
            Some(sender) => send(sender),
            None => send(&sender()?),
        }
    }
}
