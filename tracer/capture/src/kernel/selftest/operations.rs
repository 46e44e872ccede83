//! The operations on sockets. Each has its own server socket, whose port identifies its events.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};

use egret_model::{EventName, Transport};
use io_uring::{IoUring, opcode, types};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrLike as _, sendto, socket,
};

use super::expected::Expected;
use super::{Attempt, Done};

const PAYLOAD: &[u8] = b"egret self-test";

/// An ICMP echo request (RFC 792) with identifier, sequence number and data of zero; its checksum is therefore the
/// complement of the type.
const ECHO_REQUEST: [u8; 8] = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];

/// Does an operation, and returns its expected event.
type Operation = fn() -> io::Result<Done>;

/// Does every operation once.
pub(super) fn attempt_all() -> Vec<Attempt> {
    let operations: [(&'static str, Operation); 8] = [
        ("tcp_connect", || tcp_connect(Ipv4Addr::LOCALHOST.into())),
        ("tcp_connect_ipv6", || tcp_connect(Ipv6Addr::LOCALHOST.into())),
        ("tcp_accept", tcp_accept),
        ("tcp_bytes", tcp_bytes),
        ("udp_sendto", udp_sendto),
        ("udp_write", udp_write),
        ("io_uring_connect", uring_connect),
        ("icmp_send", icmp_send),
    ];
    operations.into_iter().map(|(name, operation)| Attempt { name, result: operation() }).collect()
}

fn done(expected: Expected, sockets: impl IntoIterator<Item = OwnedFd>) -> Done {
    Done { expected, _sockets: sockets.into_iter().collect() }
}

/// A connection within this process: client and accepted socket.
fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // The kernel completes the handshake before the accept.
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    Ok((client, server))
}

fn tcp_connect(address: std::net::IpAddr) -> io::Result<Done> {
    let listener = TcpListener::bind((address, 0))?;
    let peer = listener.local_addr()?;
    let client = TcpStream::connect(peer)?;
    Ok(done(Expected::new(EventName::ConnectionOpen, Transport::Tcp, peer), [listener.into(), client.into()]))
}

/// The accepting process is known once it uses the connection.
fn tcp_accept() -> io::Result<Done> {
    let (mut client, mut server) = connection()?;
    client.write_all(PAYLOAD)?;
    server.read_exact(&mut [0; PAYLOAD.len()])?;
    let mut expected = Expected::new(EventName::Accept, Transport::Tcp, client.local_addr()?);
    expected.local = Some(server.local_addr()?);
    Ok(done(expected, [client.into(), server.into()]))
}

/// The totals at the end of a connection.
fn tcp_bytes() -> io::Result<Done> {
    let (mut client, mut server) = connection()?;
    client.write_all(PAYLOAD)?;
    server.read_exact(&mut [0; PAYLOAD.len()])?;
    let mut expected = Expected::new(EventName::ConnectionClose, Transport::Tcp, client.peer_addr()?);
    expected.sent = Some(PAYLOAD.len() as u64);
    // Both are closed here, the client first.
    drop(client);
    drop(server);
    Ok(done(expected, []))
}

fn udp_sendto() -> io::Result<Done> {
    let (client, server, peer) = datagram_sockets()?;
    client.send_to(PAYLOAD, peer)?;
    Ok(done(Expected::new(EventName::DatagramSend, Transport::Udp, peer), [client.into(), server.into()]))
}

/// Without a `send` system call, which tracers of system calls miss.
fn udp_write() -> io::Result<Done> {
    let (client, server, peer) = datagram_sockets()?;
    client.connect(peer)?;
    nix::unistd::write(&client, PAYLOAD)?;
    Ok(done(Expected::new(EventName::DatagramSend, Transport::Udp, peer), [client.into(), server.into()]))
}

fn datagram_sockets() -> io::Result<(UdpSocket, UdpSocket, SocketAddr)> {
    let (client, server) = (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    let peer = server.local_addr()?;
    Ok((client, server, peer))
}

/// `IORING_OP_CONNECT`, without a system call.
fn uring_connect() -> io::Result<Done> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let peer = listener.local_addr()?;
    let client = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    connect_by_uring(&client, &SockaddrIn::new(127, 0, 0, 1, peer.port()))?;
    Ok(done(Expected::new(EventName::ConnectionOpen, Transport::Tcp, peer), [listener.into(), client]))
}

/// Connects and waits for the result.
///
/// # Errors
///
/// The kernel has no `io_uring`, does not allow it (`kernel.io_uring_disabled`, seccomp), or the connect failed.
fn connect_by_uring(socket: &OwnedFd, address: &SockaddrIn) -> io::Result<()> {
    let explain = |error: io::Error| io::Error::new(error.kind(), format!("io_uring cannot be used: {error}"));
    let mut ring = IoUring::new(2).map_err(explain)?;
    let entry = opcode::Connect::new(types::Fd(socket.as_raw_fd()), address.as_ptr(), address.len()).build();
    // SAFETY: the entry points to `address`, which outlives the ring: that is dropped at the end of this function.
    unsafe { ring.submission().push(&entry) }.map_err(io::Error::other)?;
    ring.submit_and_wait(1).map_err(explain)?;
    let completion = ring.completion().next().ok_or_else(|| io::Error::other("io_uring gave no completion"))?;
    match completion.result() {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno.saturating_neg())),
    }
}

/// By a raw socket that is not connected.
fn icmp_send() -> io::Result<Done> {
    let socket = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, Some(SockProtocol::Icmp))?;
    sendto(socket.as_raw_fd(), &ECHO_REQUEST, &SockaddrIn::new(127, 0, 0, 1, 0), MsgFlags::empty())?;
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Ok(done(Expected::new(EventName::DatagramSend, Transport::Icmp, peer), [socket]))
}
