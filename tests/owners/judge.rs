//! What a thread that evaluates packets uses, in a separate network namespace.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use egret_capture::{Capture, Grants, NamesOptions, Options, Owners, Probe};
use egret_model::{Attribution, Flow, Layer, Owner, Transport};
use egret_tests::{Answer, Hand, Namespace, test};
use libtest_mimic::Trial;

/// egret's bits of marks, and their value on a granted socket.
pub(crate) const MASK: u32 = 0xff00_0000;
pub(crate) const ALLOWED: u32 = 0x0300_0000;
/// A port without an answer: packets to it are dropped.
pub(crate) const NOWHERE: u16 = 9;

/// A deadline that no search reaches.
pub(crate) fn far() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// A running capture, and a policy for one namespace.
pub(crate) struct Judge {
    pub(crate) namespace: Namespace,
    pub(crate) capture: Capture,
    pub(crate) owners: Owners,
    pub(crate) grants: Grants,
}

/// A test in the namespace of a judge whose policy is active.
pub(crate) fn judged(name: &str, body: impl FnOnce(&mut Judge) + Send + 'static) -> Trial {
    test(name, || {
        let namespace = Namespace::resolving("nameserver 127.0.0.2");
        silence(&namespace);
        let (capture, owners, grants) = namespace.within(|| {
            let capture = Capture::start(&Probe::new(), options(Layer::Sockets)).unwrap();
            let enforcement = capture.enforcement().unwrap().unwrap();
            let (owners, grants) = (enforcement.owners(), enforcement.grants().unwrap());
            (capture, owners, grants)
        });
        grants.set_policy(true, MASK, ALLOWED).unwrap();
        body(&mut Judge { namespace, capture, owners, grants });
    })
}

/// Capture options.
pub(crate) fn options(layer: Layer) -> Options {
    let settings = egret_names::Settings {
        addresses: 100,
        floor: Duration::from_secs(60),
        resolvers: vec![[127, 0, 0, 2].into()],
        ..egret_names::Settings::default()
    };
    Options {
        layer: Some(layer),
        ring_bytes: 1 << 20,
        every_send: false,
        preexisting: false,
        names: Some(NamesOptions { dns: true, sni: false, settings, kept: Vec::new() }),
        totals: None,
        trace_context: false,
        containers: None,
        enforce: true,
    }
}

/// Drops packets to [`NOWHERE`], so that connects stay in progress.
fn silence(namespace: &Namespace) {
    for program in ["iptables", "ip6tables"] {
        for transport in ["tcp", "udp"] {
            let mut command = namespace.command(program);
            command.args(["-w", "-A", "INPUT", "-p", transport, "--dport", &NOWHERE.to_string(), "-j", "DROP"]);
            assert!(command.status().unwrap().success(), "{command:?}");
        }
    }
}

impl Judge {
    /// A process in the namespace whose socket is controlled by hand.
    pub(crate) fn hand(&self) -> Hand {
        Hand::start(&mut self.program())
    }

    /// The command of the generator in the namespace.
    pub(crate) fn program(&self) -> Command {
        self.namespace.command(egret_tests::traffic().to_str().unwrap())
    }

    /// The owner of packets from a socket to a peer.
    pub(crate) fn find(&mut self, transport: Transport, from: &Answer, peer: &str) -> Option<Owner> {
        self.owners.find(&flow(transport, from, peer))
    }

    /// The same by a search without a deadline, in the namespace of its thread.
    pub(crate) fn search(&mut self, flow: &Flow) -> Option<Owner> {
        let owners = &mut self.owners;
        self.namespace.within(|| owners.search(flow, far()))
    }
}

/// The flow of a socket's packet to a peer.
pub(crate) fn flow(transport: Transport, from: &Answer, peer: &str) -> Flow {
    let peer: SocketAddr = peer.parse().unwrap();
    let local = from.local.unwrap();
    // Loopback answers from the address that the packet was sent to.
    let local = if local.ip().is_unspecified() { SocketAddr::new(peer.ip(), local.port()) } else { local };
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    Flow { transport, local: plain(local), peer: plain(peer), interface: None }
}

/// The process id, the cookie, and how they were found.
pub(crate) fn attributed(owner: Option<Owner>) -> Option<(u32, u64, Attribution)> {
    owner.map(|owner| (owner.process.pid, owner.cookie, owner.attribution))
}
