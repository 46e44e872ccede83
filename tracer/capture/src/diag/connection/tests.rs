use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;

use super::super::socket::{TCP_ESTABLISHED, TCP_LISTEN};
use super::*;
use crate::host::test_support::inode_of;

fn cookie_of(socket: &impl AsRawFd) -> u64 {
    let mut cookie = 0_u64;
    let mut length: libc::socklen_t = 8;
    // SAFETY: the kernel writes at most `length` bytes to `cookie`, which is that long; the descriptor is open.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    assert_eq!(result, 0);
    cookie
}

fn list(transport: Transport) -> Vec<DiagSocket> {
    let mut found = Vec::new();
    Diag::open().unwrap().list(transport, |socket| found.push(socket)).unwrap();
    found
}

fn pair(address: &str) -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind(address).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (listener, client, server)
}

#[test]
fn listener_client_and_server_are_listed_with_their_cookies() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (listener, client, server) = pair(address);
        let sockets = list(Transport::Tcp);
        let of = |inode| sockets.iter().find(|socket| socket.inode == inode).unwrap();
        let listening = of(inode_of(&listener));
        assert_eq!((listening.state, listening.peer), (TCP_LISTEN, Endpoint::default()));
        assert_eq!(listening.cookie, Some(cookie_of(&listener)));
        let connected = of(inode_of(&client));
        assert_eq!((connected.state, connected.cookie), (TCP_ESTABLISHED, Some(cookie_of(&client))));
        assert_eq!(connected.local, endpoint(client.local_addr().unwrap()));
        assert_eq!(connected.peer, endpoint(client.peer_addr().unwrap()));
        assert_eq!(connected.uid, Some(nix::unistd::geteuid().as_raw()));
        assert_eq!(of(inode_of(&server)).cookie, Some(cookie_of(&server)));
    }
}

#[test]
fn both_sockets_of_a_connection_are_looked_up() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (_listener, client, server) = pair(address);
        let (local, peer) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        let mut diag = Diag::open().unwrap();
        let found = diag.lookup(Transport::Tcp, local, peer).unwrap().unwrap();
        assert_eq!((found.cookie, found.inode), (Some(cookie_of(&client)), inode_of(&client)));
        let found = diag.lookup(Transport::Tcp, peer, local).unwrap().unwrap();
        assert_eq!(found.cookie, Some(cookie_of(&server)));
    }
}

#[test]
fn ipv4_connection_on_a_dual_stack_listener_is_looked_up_either_way() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (server, mapped_peer) = listener.accept().unwrap();
    assert!(mapped_peer.is_ipv6());
    let mut diag = Diag::open().unwrap();
    let plain = (client.peer_addr().unwrap(), client.local_addr().unwrap());
    let mapped = (server.local_addr().unwrap(), mapped_peer);
    for (local, peer) in [plain, mapped] {
        let found = diag.lookup(Transport::Tcp, local, peer).unwrap().unwrap();
        assert_eq!(found.cookie, Some(cookie_of(&server)), "{local} {peer}");
    }
}

#[test]
fn listener_is_not_returned_for_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = listener.local_addr().unwrap();
    let mut diag = Diag::open().unwrap();
    assert_eq!(diag.lookup(Transport::Tcp, local, "127.0.0.1:1".parse().unwrap()).unwrap(), None);
    assert_eq!(diag.lookup(Transport::Tcp, local, "[::1]:1".parse().unwrap()).unwrap(), None);
    assert_eq!(diag.lookup(Transport::Icmp, local, local).unwrap(), None);
}

#[test]
fn listener_is_found_by_every_address_that_it_accepts_connections_at() {
    let mut diag = Diag::open().unwrap();
    for (at, reached) in
        [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.9"), ("[::]:0", "127.0.0.9"), ("[::]:0", "::1")]
    {
        let listener = TcpListener::bind(at).unwrap();
        let local = SocketAddr::new(reached.parse().unwrap(), listener.local_addr().unwrap().port());
        let found = diag.listener(local).unwrap().unwrap();
        assert_eq!(found.cookie, Some(cookie_of(&listener)), "{at}");
        let client = TcpStream::connect(local).unwrap();
        assert_eq!(diag.listener(client.local_addr().unwrap()).unwrap(), None);
        let server = listener.accept().unwrap().0;
        assert_eq!(diag.listener(server.local_addr().unwrap()).unwrap().unwrap().cookie, Some(cookie_of(&listener)));
        drop(listener);
        assert_eq!(diag.listener(local).unwrap(), None, "closed; its connection is no listener");
    }
}

#[test]
fn connected_udp_socket_is_looked_up_and_an_unconnected_one_is_not() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = UdpSocket::bind(address).unwrap();
        let client = UdpSocket::bind(address).unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        let (local, peer) = (client.local_addr().unwrap(), server.local_addr().unwrap());
        let mut diag = Diag::open().unwrap();
        let found = diag.lookup(Transport::Udp, local, peer).unwrap().unwrap();
        assert_eq!((found.cookie, found.inode), (Some(cookie_of(&client)), inode_of(&client)));
        assert_eq!(diag.lookup(Transport::Udp, peer, local).unwrap(), None);
        let sockets = list(Transport::Udp);
        let unconnected = sockets.iter().find(|socket| socket.inode == inode_of(&server)).unwrap();
        assert!(!unconnected.is_connected());
        assert_eq!(unconnected.cookie, Some(cookie_of(&server)));
    }
}

#[test]
fn socket_can_be_used_after_a_refused_list() {
    let mut diag = Diag::open().unwrap();
    let error = diag.list(Transport::Icmp, |_| {}).unwrap_err();
    assert!(error.is_unsupported(), "{error:?}");
    let (_listener, client, _server) = pair("127.0.0.1:0");
    let mut found = false;
    diag.list(Transport::Tcp, |socket| found |= socket.inode == inode_of(&client)).unwrap();
    assert!(found);
}

#[test]
fn more_sockets_than_one_datagram_holds_are_all_listed() {
    let sockets: Vec<UdpSocket> = (0..600).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let listed = list(Transport::Udp);
    for socket in &sockets {
        assert!(listed.iter().any(|listed| listed.inode == inode_of(socket)));
    }
}
