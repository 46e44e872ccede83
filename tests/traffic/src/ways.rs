//! All ways, and what runs each.

use anyhow::Result;
use clap::ValueEnum;

use crate::options::{Options, value_name};
use crate::report::Report;
use crate::uring::Executor;
use crate::{control, hand, netns, packet, raw, replaced, server, storm, tcp, udp, uring};

/// What this program can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// Print all ways.
    List,
    /// Be the peer of another way, until stdin ends.
    Server,
    /// Blocking connect, `send` and `recv`.
    TcpBlocking,
    /// Connect that answers `EINPROGRESS`, `poll`.
    TcpNonblocking,
    /// Connects to a closed port.
    TcpRefused,
    /// Without a route, in a separate network namespace.
    TcpUnreachable,
    /// `MSG_FASTOPEN`, where the system allows it.
    TcpFastopen,
    /// `bind` before `connect`.
    TcpBound,
    /// `write` and `read`.
    TcpWrite,
    /// `writev` and `readv`.
    TcpWritev,
    /// `sendmsg`.
    TcpSendmsg,
    /// `sendfile`.
    TcpSendfile,
    /// `splice` both ways.
    TcpSplice,
    /// `MSG_ZEROCOPY`.
    TcpZerocopy,
    /// Refused, then connected elsewhere with the same socket.
    TcpReuse,
    /// Accepted by one process, used by its forked child.
    TcpForkAccept,
    /// Accepted and never used.
    TcpIdleAccept,
    /// Connected in a thread other than the main one.
    TcpThread,
    /// Many short-lived processes with a connection each.
    TcpShort,
    /// Many connections from several threads.
    ThreadStorm,
    /// `IORING_OP_CONNECT`, `SEND`, `RECV`.
    UringConnect,
    /// The same, executed by the ring's polling thread.
    UringSqpoll,
    /// The same, executed by the kernel's workers.
    UringAsync,
    /// `IORING_OP_SENDMSG`, `RECVMSG`.
    UringUdp,
    /// `connect` and `send`.
    UdpConnected,
    /// `connect` and `write`.
    UdpWrite,
    /// `sendto` to one peer.
    UdpSendto,
    /// `sendmsg` to one peer.
    UdpSendmsg,
    /// `sendmmsg` to several peers in one call.
    UdpSendmmsg,
    /// `sendto` to several peers in turn.
    UdpManyPeers,
    /// Threads that share a socket, with a peer each.
    UdpThreads,
    /// Connected to a closed port.
    UdpRefused,
    /// Echo server over several client processes.
    UdpServer,
    /// `UDP_SEGMENT`.
    UdpGso,
    /// `UDP_SEGMENT` to a peer with `UDP_GRO`.
    UdpGro,
    /// Echo requests over a raw socket.
    IcmpRaw,
    /// Echo requests over a ping socket.
    IcmpDgram,
    /// A raw socket of an experimental protocol.
    RawProto,
    /// Frames over a packet socket.
    Packet,
    /// `AF_UNIX`: egret must not report it.
    Unix,
    /// A copy of this program, deleted or replaced while it runs.
    ExecReplaced,
    /// Full speed, for measuring.
    Storm,
    /// A system call without network, for measuring.
    Getppid,
    /// Another way in a new network namespace.
    Netns,
    /// A socket controlled by commands on standard input.
    Hand,
}

impl Way {
    /// Names and descriptions.
    pub(crate) fn all() -> impl Iterator<Item = (String, String)> {
        Self::value_variants()
            .iter()
            .filter_map(Self::to_possible_value)
            .map(|value| (value.get_name().to_owned(), value.get_help().map_or_else(String::new, ToString::to_string)))
    }

    /// The name on the command line.
    pub(crate) fn name(self) -> String {
        value_name(&self)
    }

    /// Whether its peer is a UDP server.
    pub(crate) fn is_datagram(self) -> bool {
        matches!(
            self,
            Self::UringUdp | Self::UdpConnected | Self::UdpWrite | Self::UdpSendto | Self::UdpSendmsg | Self::UdpGso
        )
    }

    /// Runs it; `None` for `list`.
    pub(crate) fn run(self, options: &Options) -> Result<Option<Report>> {
        self.run_tcp(options).or_else(|| self.run_datagrams(options)).or_else(|| self.run_special(options)).transpose()
    }

    fn run_special(self, options: &Options) -> Option<Result<Report>> {
        Some(match self {
            Self::Netns => return netns::run(options).transpose(),
            Self::Hand => return hand::run().err().map(Err),
            Self::Server => server::run(options),
            Self::UringConnect => uring::connect(options, Executor::Submitter),
            Self::UringSqpoll => uring::connect(options, Executor::Poller),
            Self::UringAsync => uring::connect(options, Executor::Worker),
            Self::UringUdp => uring::datagrams(options),
            Self::Unix => control::unix(options),
            Self::ExecReplaced => replaced::run(options),
            Self::Storm => storm::run(options),
            Self::Getppid => control::getppid(options),
            _ => return None,
        })
    }

    fn run_tcp(self, options: &Options) -> Option<Result<Report>> {
        let exchange: tcp::Exchange = match self {
            Self::TcpBlocking => tcp::transfer::send_recv,
            Self::TcpWrite => tcp::transfer::write_read,
            Self::TcpWritev => tcp::transfer::vectored,
            Self::TcpSendmsg => tcp::transfer::message,
            Self::TcpSendfile => tcp::transfer::from_file,
            Self::TcpSplice => tcp::transfer::spliced,
            Self::TcpZerocopy => tcp::transfer::zero_copy,
            _ => return self.run_tcp_connect(options),
        };
        Some(tcp::client(options, tcp::connect::blocking, exchange))
    }

    fn run_tcp_connect(self, options: &Options) -> Option<Result<Report>> {
        Some(match self {
            Self::TcpNonblocking => tcp::client(options, tcp::connect::nonblocking, tcp::transfer::polled),
            Self::TcpRefused => tcp::connect::refused(options),
            Self::TcpUnreachable => tcp::connect::unreachable(options),
            Self::TcpFastopen => tcp::connect::fast_open(options),
            Self::TcpBound => tcp::connect::from_bound_port(options),
            Self::TcpReuse => tcp::connect::reuse(options),
            Self::TcpForkAccept => tcp::many::fork_accept(options),
            Self::TcpIdleAccept => tcp::many::idle_accept(options),
            Self::TcpThread => tcp::many::other_thread(options),
            Self::ThreadStorm => tcp::many::threads(options),
            Self::TcpShort => tcp::short::run(options),
            _ => return None,
        })
    }

    fn run_datagrams(self, options: &Options) -> Option<Result<Report>> {
        Some(match self {
            Self::UdpConnected => udp::one::connected(options),
            Self::UdpWrite => udp::one::written(options),
            Self::UdpSendto => udp::one::sent_to(options),
            Self::UdpSendmsg => udp::one::message(options),
            Self::UdpRefused => udp::one::refused(options),
            Self::UdpSendmmsg => udp::many::one_call(options),
            Self::UdpManyPeers => udp::many::round_robin(options),
            Self::UdpThreads => udp::many::threads(options),
            Self::UdpServer => udp::serving::run(options),
            Self::UdpGso => udp::segments::segmented(options),
            Self::UdpGro => udp::segments::merged(options),
            Self::IcmpRaw => raw::icmp_raw(options),
            Self::IcmpDgram => raw::icmp_datagram(options),
            Self::RawProto => raw::protocol(options),
            Self::Packet => packet::run(options),
            _ => return None,
        })
    }
}
