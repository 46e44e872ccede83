//! The effects of verdicts. The mark of the socket stands for the mark of an evaluated packet.

use egret_enforcer::evaluate::BlockAction;
use egret_enforcer::firewall::Plan;
use egret_enforcer::marks::Marks;
use nix::errno::Errno;

use crate::host::Host;
use crate::plans::{self, GENERATION};
use crate::traffic::{arrives, connect, quickly, re_mark, sender};
use crate::ways::Way;

fn install(host: &Host, way: Way, plan: &Plan) {
    host.within(|| way.firewall().install(plan).unwrap());
}

fn allowed() -> u32 {
    Marks::default().allowed(GENERATION)
}

fn blocked() -> u32 {
    Marks::default().blocked()
}

pub(crate) fn blocked_packets_are_rejected_at_once(way: Way) {
    let host = Host::new();
    install(&host, way, &plans::open());
    for (to, _listener) in host.listeners() {
        assert_eq!(quickly(|| connect(&host, blocked(), to)).unwrap_err(), Errno::ECONNREFUSED, "{to}");
        // Whatever the foreign bits are.
        assert_eq!(quickly(|| connect(&host, blocked() | 0xabcd, to)).unwrap_err(), Errno::ECONNREFUSED, "{to}");
    }
    for (to, receiver) in host.receivers(0) {
        let socket = sender(&host, blocked(), 0, to);
        assert!(!arrives(&socket, &receiver), "{to}");
        // A second send returns the error that answers the first.
        let error = socket.send(b"?").unwrap_err();
        assert!(
            matches!(error.raw_os_error(), Some(libc_refused) if libc_refused == Errno::ECONNREFUSED as i32),
            "{to}: {error}"
        );
    }
}

pub(crate) fn blocked_packets_are_dropped_silently(way: Way) {
    let host = Host::new();
    install(&host, way, &Plan { action: BlockAction::Drop, ..plans::open() });
    for (to, _listener) in host.listeners() {
        assert_eq!(connect(&host, blocked(), to).unwrap_err(), Errno::EINPROGRESS, "{to}");
    }
    for (to, receiver) in host.receivers(0) {
        assert!(!arrives(&sender(&host, blocked(), 0, to), &receiver), "{to}");
    }
}

/// With `fwmark_reflect`, a reset has the mark of the packet that it answers.
pub(crate) fn reject_works_with_fwmark_reflect(way: Way) {
    let host = Host::new();
    host.sh("sysctl -qw net.ipv4.fwmark_reflect=1 net.ipv6.fwmark_reflect=1");
    install(&host, way, &Plan { loopback: true, ..plans::open() });
    for (to, _listener) in host.listeners() {
        assert_eq!(quickly(|| connect(&host, blocked(), to)).unwrap_err(), Errno::ECONNREFUSED, "{to}");
    }
}

pub(crate) fn conntrack_mark_keeps_the_verdict_and_foreign_bits(way: Way) {
    let host = Host::new();
    for tool in way.iptables() {
        host.sh(&format!("{tool} -t mangle -A OUTPUT -j CONNMARK --set-xmark 0x5/0xff"));
    }
    install(&host, way, &plans::closed());
    for (to, _listener) in host.listeners() {
        let _connection = connect(&host, allowed() | 0xab00, to).unwrap();
        assert_eq!(host.connection_marks(to), [allowed() | 0x5], "{to}");
    }
}

pub(crate) fn one_way_flow_is_evaluated_once(way: Way) {
    let host = Host::new();
    install(&host, way, &plans::closed());
    for (to, receiver) in host.receivers(0) {
        let socket = sender(&host, 0, 0, to);
        assert!(!arrives(&socket, &receiver), "{to}");
        re_mark(&socket, allowed());
        assert!(arrives(&socket, &receiver), "{to}");
        re_mark(&socket, 0);
        assert!(arrives(&socket, &receiver), "{to}");
        assert_eq!(host.connection_marks(to), [allowed()], "{to}");
    }
}

pub(crate) fn new_generation_evaluates_flows_again(way: Way) {
    let host = Host::new();
    install(&host, way, &plans::closed());
    let flows = host.receivers(0).into_iter().map(|(to, receiver)| (sender(&host, allowed(), 0, to), to, receiver));
    let flows = flows.collect::<Vec<_>>();
    for (socket, to, receiver) in &flows {
        assert!(arrives(socket, receiver), "{to}");
    }
    install(&host, way, &Plan { generation: GENERATION + 1, ..plans::closed() });
    let next = Marks::default().allowed(GENERATION + 1);
    for (socket, to, receiver) in &flows {
        // Neither the old mark nor the old conntrack entry is valid any more.
        assert!(!arrives(socket, receiver), "{to}");
        re_mark(socket, next);
        assert!(arrives(socket, receiver), "{to}");
        re_mark(socket, 0);
        assert!(arrives(socket, receiver), "{to}");
        assert_eq!(host.connection_marks(*to), [next], "{to}");
    }
}

pub(crate) fn other_masks_are_supported(way: Way) {
    for mask in [0x0000_00f0, 0xffff_ffff, 0x000f_0000] {
        let marks = Marks::new(mask).unwrap();
        let host = Host::new();
        install(&host, way, &Plan { marks, ..plans::closed() });
        let others = !mask & 0x1234_5678;
        for (to, _listener) in host.listeners() {
            let _connection = connect(&host, marks.allowed(GENERATION) | others, to).unwrap();
            assert_eq!(host.connection_marks(to), [marks.allowed(GENERATION)], "{to}");
            install(&host, way, &Plan { marks, ..plans::open() });
            assert_eq!(connect(&host, marks.blocked() | others, to).unwrap_err(), Errno::ECONNREFUSED, "{to}");
            install(&host, way, &Plan { marks, ..plans::closed() });
        }
    }
}
