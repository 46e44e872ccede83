//! Connections and datagrams with their latencies.

use std::io::{self, Read as _};
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

/// Longest wait for a connection that a client made, or for its end: a lost packet fails the bench instead of stopping it.
const PATIENCE: Duration = Duration::from_secs(30);

fn listen(address: Ipv4Addr) -> Result<TcpListener> {
    let listener = TcpListener::bind((address, 0)).context("cannot listen")?;
    SockRef::from(&listener).set_read_timeout(Some(PATIENCE))?;
    Ok(listener)
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
        command.args(["connect", &address]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let client = command.spawn().context("cannot start itself")?;
        // The server resets: a reset of the client could overtake its acknowledgement in the queue, and `accept` would
        // wait for ever.
        let accepted = self
            .0
            .accept()
            .context("cannot accept")
            .and_then(|(server, _)| Ok(SockRef::from(&server).set_linger(Some(Duration::ZERO))?));
        let output = client.wait_with_output().context("cannot wait for it")?;
        if !output.status.success() {
            bail!("it could not connect: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        accepted?;
        Ok(Duration::from_nanos(String::from_utf8_lossy(&output.stdout).trim().parse().context("a number")?))
    }
}

/// Main function of a new process: connects, prints the duration of the connect in nanoseconds, and waits for the server's
/// end.
pub(crate) fn connect(address: SocketAddr) -> Result<()> {
    let begin = Instant::now();
    let mut server = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    let taken = begin.elapsed();
    println!("{}", taken.as_nanos());
    server.set_read_timeout(Some(PATIENCE))?;
    match server.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => bail!("the server sent something"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(error).context("the server did not end the connection"),
    }
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
