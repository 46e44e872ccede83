//! The ways into the sockets. Each has a server socket of its own, whose port tells its events apart.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};

use egret_model::{EventName, Transport};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket};

use super::expected::Expected;
use super::{Attempt, Done, uring};

const PAYLOAD: &[u8] = b"egret self-test";

/// An ICMP echo request (RFC 792) with identifier, sequence number and data of zero; its checksum is therefore the
/// complement of the type.
const ECHO_REQUEST: [u8; 8] = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];

/// Does something, and says what should be seen of it.
type Way = fn() -> io::Result<Done>;

/// Does everything once.
pub(super) fn attempt_all() -> Vec<Attempt> {
    let ways: [(&'static str, Way); 8] = [
        ("tcp_connect", || tcp_connect(Ipv4Addr::LOCALHOST.into())),
        ("tcp_connect_ipv6", || tcp_connect(Ipv6Addr::LOCALHOST.into())),
        ("tcp_accept", tcp_accept),
        ("tcp_bytes", tcp_bytes),
        ("udp_sendto", udp_sendto),
        ("udp_write", udp_write),
        ("io_uring_connect", uring_connect),
        ("icmp_send", icmp_send),
    ];
    ways.into_iter().map(|(name, way)| Attempt { name, result: way() }).collect()
}

fn done(expected: Expected, sockets: impl IntoIterator<Item = OwnedFd>) -> Done {
    Done { expected, _sockets: sockets.into_iter().collect() }
}

/// A connection within this process: client and accepted end.
fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // The kernel completes the handshake before anybody accepts.
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

/// The sum at the end of a connection.
fn tcp_bytes() -> io::Result<Done> {
    let (mut client, mut server) = connection()?;
    client.write_all(PAYLOAD)?;
    server.read_exact(&mut [0; PAYLOAD.len()])?;
    let mut expected = Expected::new(EventName::ConnectionClose, Transport::Tcp, client.peer_addr()?);
    expected.sent = Some(PAYLOAD.len() as u64);
    // Both are closed here, the client's end first.
    drop(client);
    drop(server);
    Ok(done(expected, []))
}

fn udp_sendto() -> io::Result<Done> {
    let (client, server, peer) = datagram_sockets()?;
    client.send_to(PAYLOAD, peer)?;
    Ok(done(Expected::new(EventName::DatagramSend, Transport::Udp, peer), [client.into(), server.into()]))
}

/// No system call that says `send`: the way that tracers of system calls overlook.
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

/// `IORING_OP_CONNECT`, which is no system call at all.
fn uring_connect() -> io::Result<Done> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let peer = listener.local_addr()?;
    let client = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    uring::connect(&client, &SockaddrIn::new(127, 0, 0, 1, peer.port()))?;
    Ok(done(Expected::new(EventName::ConnectionOpen, Transport::Tcp, peer), [listener.into(), client]))
}

/// Through a raw socket that is not connected.
fn icmp_send() -> io::Result<Done> {
    let socket = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, Some(SockProtocol::Icmp))?;
    sendto(socket.as_raw_fd(), &ECHO_REQUEST, &SockaddrIn::new(127, 0, 0, 1, 0), MsgFlags::empty())?;
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Ok(done(Expected::new(EventName::DatagramSend, Transport::Icmp, peer), [socket]))
}
