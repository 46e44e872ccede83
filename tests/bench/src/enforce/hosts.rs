//! Two hosts in network namespaces, joined by a veth pair.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use egret_tests::Namespace;

/// A namespace where connections begin and packets are evaluated, and another where some of them end.
pub(super) struct Hosts {
    near: Namespace,
    far: Namespace,
}

impl Hosts {
    /// The address of the near end of the cable.
    const NEAR: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
    /// The address of the far one.
    pub(super) const FAR: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);

    pub(super) fn new() -> Result<Self> {
        let hosts = Self { near: Namespace::resolving(""), far: Namespace::resolving("") };
        let peer = hosts.far.pid().to_string();
        run(hosts
            .command("ip")
            .args(["link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", &peer]))?;
        for (host, address) in [(&hosts.near, Self::NEAR), (&hosts.far, Self::FAR)] {
            run(host.command("ip").args(["address", "add", &format!("{address}/24"), "dev", "cable"]))?;
            run(host.command("ip").args(["link", "set", "cable", "up"]))?;
        }
        Ok(hosts)
    }

    /// A program to be run on the near host.
    pub(super) fn command(&self, program: &str) -> Command {
        self.near.command(program)
    }

    /// Runs a function in a thread on the near host.
    pub(super) fn inside<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        self.near.within(body)
    }

    /// Runs a function in a thread on the far host: its sockets belong to it.
    pub(super) fn far<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        self.far.within(body)
    }

    /// The near host's packet queues, as the kernel lists them: a line for each queue.
    pub(super) fn queues(&self) -> Result<String> {
        let path = format!("/proc/{}/net/netfilter/nfnetlink_queue", self.near.pid());
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }

    /// Packets so far in the existing queues.
    pub(super) fn queued(&self) -> Result<u64> {
        Ok(self.queues()?.lines().filter_map(id_sequence).sum())
    }
}

/// The last packet number of a queue: the eighth column, see `seq_show` in `net/netfilter/nfnetlink_queue.c`.
fn id_sequence(line: &str) -> Option<u64> {
    line.split_whitespace().nth(7)?.parse().ok()
}

/// Runs a program that prints nothing unless it fails.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::id_sequence;

    #[test]
    fn packet_numbers_count_the_packets_of_a_queue() {
        let line = " 5300  24411     3 2   128     0     0    17094  1";
        assert_eq!(id_sequence(line), Some(17094));
        assert_eq!(id_sequence(""), None);
    }
}
