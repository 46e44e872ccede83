//! Behind which interface a link-local peer is.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use egret_model::{Flow, Interface, is_link_local};
use nfq::Message;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

use crate::packet::{Unparsed, parse};

/// Looks the names of interfaces up, one for each worker. Only packets to link-local peers, of which there are few, take the system
/// call: a name that was kept could be that of another interface by now.
pub(super) struct Interfaces {
    /// Without it all that is known of an interface is its number.
    socket: Option<OwnedFd>,
}

impl Interfaces {
    pub(super) fn new() -> Self {
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        Self { socket: socket.ok() }
    }

    /// The flow of a packet that is about to leave.
    pub(super) fn flow(&self, message: &Message) -> Result<Flow, Unparsed> {
        Ok(self.behind(parse(message.get_payload())?, message.get_outdev()))
    }

    /// A flow whose packets leave by the interface of this number.
    fn behind(&self, mut flow: Flow, index: u32) -> Flow {
        if index != 0
            && is_link_local(flow.peer.ip())
            && let SocketAddr::V6(peer) = &mut flow.peer
        {
            peer.set_scope_id(index);
            flow.interface = Some(self.name(index).unwrap_or_else(|| Interface::from_index(index)));
        }
        flow
    }

    fn name(&self, index: u32) -> Option<Interface> {
        let name = netdevice::index_to_name_inlined(self.socket.as_ref()?, index).ok()?;
        Interface::from_name(name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use egret_model::Transport;

    use super::*;

    fn flow(peer: &str) -> Flow {
        let local = "[fe80::9]:5000".parse().unwrap();
        Flow { transport: Transport::Udp, local, peer: peer.parse().unwrap(), interface: None }
    }

    #[test]
    fn only_a_link_local_peer_has_the_interface_of_its_packets() {
        let interfaces = Interfaces::new();
        let lo = interfaces.behind(flow("[fe80::1]:53"), 1);
        assert_eq!(lo, Flow { interface: Interface::from_name("lo"), ..flow("[fe80::1%1]:53") });
        let unknown = interfaces.behind(flow("[fe80::1]:53"), u32::MAX);
        assert_eq!(unknown.interface, Some(Interface::from_index(u32::MAX)));
        assert_ne!(lo, unknown);
        for peer in ["[2001:db8::1]:53", "[ff02::fb]:5353", "169.254.0.1:53"] {
            assert_eq!(interfaces.behind(flow(peer), 1), flow(peer));
        }
        assert_eq!(interfaces.behind(flow("[fe80::1]:53"), 0), flow("[fe80::1]:53"));
    }
}
