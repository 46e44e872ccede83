//! Hooks of control groups, at the root of the hierarchy.
//!
//! They are attached beside the hooks of other programs: a link always allows others beside it
//! (`cgroup_bpf_link_attach` in kernel/bpf/cgroup.c), and the kernel refuses the flag that would ask for it.

use std::fs::File;
use std::path::Path;

use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock, CgroupSockAddr, SockOps};
use egret_model::Degradation;

use super::super::error::LoadError;
use super::super::probe::Probe;
use super::super::programs::Programs;
use super::super::setup::Setup;

/// Hooks on connects, without which there is no layer. The attach point is part of the program's section in the
/// object.
const CONNECT_HOOKS: [&str; 2] = ["connect4", "connect6"];
/// Hooks that name the peers of datagrams.
const DATAGRAM_HOOKS: [&str; 4] = ["sendmsg4", "sendmsg6", "recvmsg4", "recvmsg6"];
const RELEASE_HOOK: &str = "sock_release";
/// The hook on a socket's creation. It is attached only where the length tracepoints are missing: with them, a raw
/// or ICMP socket announces itself by its first use, and the creation of all others costs nothing.
const CREATE_HOOK: &str = "sock_create";
const SOCK_OPS: &str = "sock_ops";
/// Hooks on packets, for names. Of what comes in, only DNS is of interest.
const EGRESS_HOOK: &str = "names_egress";
const INGRESS_HOOK: &str = "names_ingress";

const MODE: CgroupAttachMode = CgroupAttachMode::Single;

pub(super) fn open(probe: &Probe) -> Result<File, LoadError> {
    let path: &Path = probe.cgroup.as_deref().ok_or(LoadError::NoCgroup)?;
    File::open(path).map_err(|source| LoadError::Cgroup { path: path.display().to_string(), source })
}

impl Programs {
    /// Attaches the hooks on sockets.
    pub(super) fn attach_hooks(&mut self, cgroup: &File) -> Result<(), LoadError> {
        for name in CONNECT_HOOKS {
            self.attach_address(name, cgroup)?;
        }
        for name in DATAGRAM_HOOKS {
            let attached = self.attach_address(name, cgroup);
            self.degrade(attached, Degradation::NoCgroupHook);
        }
        let creation = (!self.counts_lengths()).then_some(CREATE_HOOK);
        for name in creation.into_iter().chain([RELEASE_HOOK]) {
            let attached =
                self.install(name, CgroupSock::load, |program: &mut CgroupSock| program.attach(cgroup, MODE));
            self.degrade(attached, Degradation::NoCgroupHook);
        }
        self.install(SOCK_OPS, SockOps::load, |program: &mut SockOps| program.attach(cgroup, MODE))
    }

    fn attach_address(&mut self, name: &'static str, cgroup: &File) -> Result<(), LoadError> {
        self.install(name, CgroupSockAddr::load, |program: &mut CgroupSockAddr| program.attach(cgroup, MODE))
    }

    /// Attaches the hooks on packets, if names are gathered or packets are counted. Connections are reported
    /// without them too.
    pub(super) fn attach_packets(&mut self, cgroup: &File, setup: Setup) {
        let egress = (self.packets || setup.wants_names()).then_some((EGRESS_HOOK, CgroupSkbAttachType::Egress));
        let ingress = (self.packets || setup.dns).then_some((INGRESS_HOOK, CgroupSkbAttachType::Ingress));
        // One hook that is attached alone sees half of the packets, which does no harm.
        let result = egress.into_iter().chain(ingress).try_for_each(|(name, point)| {
            self.install(name, CgroupSkb::load, |program: &mut CgroupSkb| program.attach(cgroup, point, MODE))
        });
        if let Err(error) = result {
            tracing::warn!(%error, "no names are gathered");
            self.degradations.push(Degradation::NoNames);
        }
    }
}
