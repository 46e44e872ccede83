//! The command line.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};

use crate::server::Serve;
use crate::storm::Storm;
use crate::ways::Way;

/// Makes one kind of traffic and prints one JSON line about it.
#[derive(Clone, Debug, Parser)]
#[command(name = "egret-traffic", version)]
pub(crate) struct Options {
    /// What to do; `list` names all ways.
    #[arg(value_enum)]
    pub(crate) way: Way,
    /// Use `AF_INET6` and `::1`.
    #[arg(long, conflicts_with = "mapped")]
    pub(crate) ipv6: bool,
    /// Use `AF_INET6` sockets to `::ffff:127.0.0.1`.
    #[arg(long)]
    pub(crate) mapped: bool,
    /// Payload to send, bytes; the same amount comes back unless `--one-way`.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) bytes: u64,
    /// Payload of a datagram, bytes.
    #[arg(long, default_value_t = 1000)]
    pub(crate) size: usize,
    /// The peer does not answer.
    #[arg(long)]
    pub(crate) one_way: bool,
    /// Use this peer instead of starting one.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) peer: Option<SocketAddr>,
    /// Connections, processes, clients or calls, as the way has it.
    #[arg(long)]
    pub(crate) count: Option<u64>,
    /// How many peers, for the ways with several.
    #[arg(long, default_value_t = 8)]
    pub(crate) peers: u32,
    /// How many times each of several peers gets a datagram.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: u64,
    /// Threads, for the ways with several.
    #[arg(long, default_value_t = 4)]
    pub(crate) threads: u32,
    /// Seconds that a storm lasts.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// What a storm is made of.
    #[arg(long, value_enum, default_value_t = Storm::Tcp)]
    pub(crate) kind: Storm,
    /// Connect raw sockets to the peer, instead of naming it with each send.
    #[arg(long)]
    pub(crate) connected: bool,
    /// Delete the executable while it runs (`exec-replaced`).
    #[arg(long)]
    pub(crate) unlink: bool,
    /// Put another file at the path of the executable while it runs (`exec-replaced`).
    #[arg(long, conflicts_with = "unlink")]
    pub(crate) replace: bool,
    /// The way to run inside (`netns`, `exec-replaced`).
    #[arg(long, value_enum, default_value_t = Way::TcpBlocking)]
    pub(crate) inner: Way,
    /// Wait until stdin ends before doing anything.
    #[arg(long)]
    pub(crate) wait_stdin: bool,
    /// Wait between connecting and the first byte, milliseconds.
    #[arg(long, default_value_t = 0)]
    pub(crate) hold_ms: u64,
    /// Wait between the report and the end of the process, milliseconds.
    #[arg(long, default_value_t = 0)]
    pub(crate) delay_ms: u64,
    /// What `server` does.
    #[arg(long, value_enum, default_value_t = Serve::TcpEcho)]
    pub(crate) serve: Serve,
    /// Where `server` listens; port zero takes any.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: Vec<SocketAddr>,
}

impl Options {
    /// Pause between connecting and the first byte.
    pub(crate) fn hold(&self) -> Duration {
        Duration::from_millis(self.hold_ms)
    }

    /// Pause before the process ends.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// The number of repetitions; `default` if it was not given.
    pub(crate) fn times(&self, default: u64) -> u64 {
        self.count.unwrap_or(default)
    }

    /// The loopback address of the chosen family, with this port.
    pub(crate) fn loopback(&self, port: u16) -> SocketAddr {
        let address = match (self.ipv6, self.mapped) {
            (true, _) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            (_, true) => IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()),
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        SocketAddr::new(address, port)
    }

    /// An IPv4 address in the form of the chosen family.
    pub(crate) fn in_family(&self, address: Ipv4Addr) -> IpAddr {
        if self.mapped { IpAddr::V6(address.to_ipv6_mapped()) } else { IpAddr::V4(address) }
    }

    /// Options for a helper process of the same family that does `way`.
    pub(crate) fn family_arguments(&self) -> &'static [&'static str] {
        match (self.ipv6, self.mapped) {
            (true, _) => &["--ipv6"],
            (_, true) => &["--mapped"],
            _ => &[],
        }
    }

    /// Rejects options that do not fit the way.
    pub(crate) fn datagram_size(&self) -> Result<usize> {
        if self.size == 0 || self.size > 65_000 {
            bail!("--size {} is not between 1 and 65000", self.size);
        }
        Ok(self.size)
    }
}

/// The name of a value on the command line.
pub(crate) fn value_name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
