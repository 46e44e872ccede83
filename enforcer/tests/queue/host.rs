//! A network namespace whose packets are evaluated.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use egret_enforcer::Mode;
use egret_enforcer::ask::Questions;
use egret_enforcer::baseline::{Index, parse};
use egret_enforcer::evaluate::{FindOwner, Policy};
use egret_enforcer::queue::{QueueState, Settings, Sources, Workers, WorkersError};
use egret_tests::{Namespace, until};

use crate::fakes::{Digester, Fakes, Finder};

pub(crate) const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The rules of the firewall without what these tests do not need. `$BALANCE` is the option that names queues,
/// `$BYPASS` the one for queues that nobody reads.
const RULES: &str = r#"
for iptables in iptables-legacy ip6tables-legacy; do
    mangle="$iptables -w -t mangle" filter="$iptables -w -A OUTPUT"
    $mangle -N egret
    $mangle -A egret -p icmp -j RETURN
    $mangle -A egret -p icmpv6 -j RETURN
    $mangle -A egret -m conntrack --ctdir REPLY -j RETURN
    $mangle -A egret -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
    $mangle -A egret -m connmark ! --mark 0/0xff000000 -j RETURN
    $mangle -A egret -m mark --mark 0x01000000/0xff000000 -j ACCEPT
    $mangle -A egret -m mark ! --mark 0/0xff000000 -j RETURN
    $mangle -A egret -j NFQUEUE $BALANCE $BYPASS
    $mangle -A OUTPUT -j egret
    $filter -p tcp -m mark --mark 0x01000000/0xff000000 -j REJECT --reject-with tcp-reset
    $filter -m mark --mark 0x01000000/0xff000000 -j REJECT
    saved="-m mark ! --mark 0/0xff000000 -m mark ! --mark 0x02000000/0xff000000"
    $filter $saved -j CONNMARK --save-mark --nfmask 0xff000000 --ctmask 0xff000000
done
"#;

/// Shorter than the first retransmission.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(900);

/// A network namespace whose packets are evaluated.
pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    pub(crate) fakes: Arc<Fakes>,
    pub(crate) questions: Arc<Questions>,
}

impl Host {
    /// Installs rules that send new flows to these queues, and drop them while nobody reads the queues.
    pub(crate) fn new(queues: u16) -> Self {
        Self::with_rules(queues, "")
    }

    pub(crate) fn with_rules(queues: u16, bypass: &str) -> Self {
        let namespace = Namespace::resolving("");
        let balance =
            if queues == 1 { "--queue-num 0".to_owned() } else { format!("--queue-balance 0:{}", queues - 1) };
        let mut rules = namespace.command("sh");
        rules.args(["-ec", RULES]).env("BALANCE", balance).env("BYPASS", bypass);
        let output = rules.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { namespace, fakes: Arc::default(), questions: Arc::default() }
    }

    pub(crate) fn start(&self, settings: Settings, policy: Policy) -> Workers {
        self.try_start(settings, policy).unwrap()
    }

    pub(crate) fn try_start(&self, settings: Settings, policy: Policy) -> Result<Workers, WorkersError> {
        let sources = Sources {
            identify: Arc::clone(&self.fakes) as _,
            grant: Arc::clone(&self.fakes) as _,
            audit: Arc::clone(&self.fakes) as _,
            digest: Box::new(Digester(Arc::clone(&self.fakes))),
            questions: Arc::clone(&self.questions),
            totals: Arc::default(),
        };
        let mut finders = || Ok(Box::new(Finder(Arc::clone(&self.fakes))) as Box<dyn FindOwner>);
        self.namespace.within(|| Workers::start(settings, policy, sources, &mut finders))
    }

    /// A TCP listener.
    pub(crate) fn listen(&self, address: IpAddr) -> (TcpListener, SocketAddr) {
        let listener = self.namespace.within(|| TcpListener::bind((address, 0)).unwrap());
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// A UDP socket that does not block.
    pub(crate) fn receiver(&self, address: IpAddr) -> (UdpSocket, SocketAddr) {
        let socket = self.socket(address);
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    pub(crate) fn socket(&self, address: IpAddr) -> UdpSocket {
        self.namespace.within(|| UdpSocket::bind((address, 0)).unwrap())
    }

    /// Sends a datagram from a new socket.
    pub(crate) fn send(&self, to: SocketAddr) {
        self.socket(to.ip()).send_to(b"x", to).unwrap();
    }

    pub(crate) fn connect(&self, to: SocketAddr) -> Result<TcpStream, io::ErrorKind> {
        self.namespace.within(|| TcpStream::connect_timeout(&to, AT_ONCE)).map_err(|error| error.kind())
    }
}

/// A policy with these rules.
pub(crate) fn policy(mode: Mode, rules: &str) -> Policy {
    let baseline = parse(&format!("format 1\n{rules}\n")).unwrap();
    Policy { mode, index: Index::of(&baseline).into(), ..Policy::default() }
}

/// A rule for the program that talks to an address.
pub(crate) fn allow(to: SocketAddr) -> String {
    format!("allow exe=/bin/p{} -> * {} {}", to.port(), to.ip(), to.port())
}

/// Datagrams that have arrived.
pub(crate) fn received(socket: &UdpSocket) -> usize {
    std::iter::from_fn(|| socket.recv(&mut [0; 64]).ok()).count()
}

/// The state of the workers once they have given `verdicts` verdicts. A packet leaves before its verdict is counted.
pub(crate) fn settled(workers: &Workers, verdicts: u64) -> QueueState {
    let state = until("verdicts", || Some(workers.state()).filter(|state| state.latency.count() >= verdicts));
    assert_eq!(state.latency.count(), verdicts, "{state:?}");
    state
}
