//! Sockets of programs, with the marks that egret sets.

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect as connect_socket, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::host::{Host, bind};

/// Shorter than the first retransmission.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(900);

/// Connects from the host with a marked socket. An unanswered connect fails with `EINPROGRESS`.
pub(crate) fn connect(host: &Host, mark: u32, to: SocketAddr) -> Result<TcpStream, Errno> {
    host.within(|| {
        let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        setsockopt(&socket, sockopt::Mark, &mark).unwrap();
        let patience = TimeVal::new(0, i64::try_from(AT_ONCE.as_micros()).unwrap());
        setsockopt(&socket, sockopt::SendTimeout, &patience).unwrap();
        connect_socket(socket.as_raw_fd(), &SockaddrStorage::from(to))?;
        Ok(TcpStream::from(socket))
    })
}

/// Whether a socket without a mark can connect.
pub(crate) fn connects(host: &Host, to: SocketAddr) -> bool {
    match connect(host, 0, to) {
        Ok(_) => true,
        Err(Errno::EINPROGRESS) => false,
        Err(error) => panic!("{to}: {error}"),
    }
}

/// A marked UDP socket that is connected to one peer.
pub(crate) fn sender(host: &Host, mark: u32, from_port: u16, to: SocketAddr) -> UdpSocket {
    host.within(|| {
        let any: IpAddr = if to.is_ipv4() { "0.0.0.0" } else { "::" }.parse().unwrap();
        let socket = bind(SocketAddr::new(any, from_port));
        socket.connect(to).unwrap();
        re_mark(&socket, mark);
        socket
    })
}

/// Sets the mark of a socket.
pub(crate) fn re_mark(socket: &UdpSocket, mark: u32) {
    setsockopt(socket, sockopt::Mark, &mark).unwrap();
}

/// Whether a datagram arrives. The sender of a datagram that is blocked gets an error.
pub(crate) fn arrives(sender: &UdpSocket, receiver: &UdpSocket) -> bool {
    let sent = sender.send(b"?").is_ok();
    receiver.set_read_timeout(Some(if sent { AT_ONCE } else { Duration::from_millis(1) })).unwrap();
    let received = receiver.recv(&mut [0; 8]).is_ok();
    assert!(sent || !received, "what could not be sent was received");
    received
}

/// Runs a function, which must be quick.
pub(crate) fn quickly<T>(body: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let value = body();
    assert!(begin.elapsed() < AT_ONCE, "took {:?}", begin.elapsed());
    value
}
