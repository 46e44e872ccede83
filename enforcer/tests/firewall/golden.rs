//! Rules as text.

use egret_enforcer::evaluate::{BlockAction, FailurePolicy};
use egret_enforcer::firewall::{
    Bypass, ControlGroup, Firewall, Hierarchy, Iptables, Kernel, Nftables, Plan, Protect, Queues, Spread, Tools,
    Variant,
};
use egret_enforcer::marks::Marks;
use egret_model::{Flow, Transport};
use egret_tests::Cgroup;

use crate::host::Host;
use crate::plans;

/// A plan with every option.
fn full() -> Plan {
    let ssh = |local: &str, peer: &str| Flow {
        interface: None,
        transport: Transport::Tcp,
        local: local.parse().unwrap(),
        peer: peer.parse().unwrap(),
    };
    Plan {
        queues: Queues::new(40, 4).unwrap().spread_by(Spread::Cpu),
        on_failure: FailurePolicy::Open,
        action: BlockAction::Reject,
        marks: Marks::default(),
        generation: 3,
        loopback: false,
        rejudge: false,
        bypass: Bypass {
            users: vec![0, 994],
            groups: vec![998],
            cgroups: vec![ControlGroup::new("/system.slice/backup\\x2dnight.service").unwrap()],
        },
        own: Some(ControlGroup::new("/system.slice/egret.service").unwrap()),
        resolvers: vec!["192.0.2.53".parse().unwrap(), "2001:db8::53".parse().unwrap()],
        protect: Protect::default(),
        exempt: vec![
            ssh("192.0.2.7:22", "198.51.100.4:50122"),
            ssh("[2001:db8::7]:22", "[2001:db8:1::4]:50123"),
            Flow { transport: Transport::Sctp, ..ssh("192.0.2.7:5000", "[::ffff:198.51.100.4]:5001") },
            Flow { transport: Transport::Icmp, ..ssh("[2001:db8::7]:0", "[2001:db8:1::4]:0") },
            // No rule can match this flow.
            Flow { transport: Transport::Packet, ..ssh("192.0.2.7:0", "198.51.100.4:0") },
            ssh("192.0.2.7:22", "[2001:db8:1::4]:50123"),
        ],
    }
}

/// The smallest plan.
fn bare() -> Plan {
    let protect = Protect { dhcp: false, ntp: false, neighbours: false, kernel: false };
    Plan { loopback: true, rejudge: true, action: BlockAction::Drop, protect, ..plans::closed() }
}

fn ways() -> [(&'static str, Box<dyn Firewall>); 2] {
    let hierarchy = Hierarchy::at("/sys/fs/cgroup");
    let tools = Tools::within(Vec::new());
    [
        ("iptables", Box::new(Iptables::new(&tools, Variant::System(Kernel::NfTables), hierarchy.clone()))),
        ("nftables", Box::new(Nftables::new(tools, hierarchy))),
    ]
}

pub(crate) fn rules_match_their_golden_files() {
    let golden = [
        include_str!("golden/iptables-full.txt"),
        include_str!("golden/iptables-bare.txt"),
        include_str!("golden/nftables-full.txt"),
        include_str!("golden/nftables-bare.txt"),
    ];
    let rendered = ways().into_iter().flat_map(|(name, way)| {
        [("full", full()), ("bare", bare())].map(|(size, plan)| (format!("{name}-{size}"), way.render(&plan)))
    });
    let mut differing = Vec::new();
    for ((name, rendered), golden) in rendered.zip(golden) {
        if rendered != golden {
            let path = std::env::temp_dir().join(format!("{name}.txt"));
            std::fs::write(&path, &rendered).unwrap();
            differing.push(path);
        }
    }
    assert!(differing.is_empty(), "to be looked at, and copied to golden/ if they are meant to differ: {differing:?}");
}

/// Feeds the shown text to the real tools, as its first line says.
pub(crate) fn shown_text_is_accepted_by_the_tools() {
    let path = format!("egret-shown-{}", std::process::id());
    let group = Cgroup::new(&path);
    let host = Host::new();
    let plan = Plan {
        bypass: Bypass { cgroups: vec![ControlGroup::new(&path).unwrap()], ..full().bypass },
        own: None,
        ..full()
    };
    let iptables = Iptables::new(&Tools::default(), Variant::Named(Kernel::NfTables), Hierarchy::find());
    let text = iptables.render(&plan);
    let (v4, v6) = text.split_once("# IPv6").unwrap();
    host.feed("iptables-nft-restore", &["--noflush"], v4);
    host.feed("ip6tables-nft-restore", &["--noflush"], &format!("#{v6}"));
    let shown = host.listing();
    let fresh = Host::new();
    fresh.within(|| {
        Iptables::new(&Tools::default(), Variant::Named(Kernel::NfTables), Hierarchy::find()).install(&plan).unwrap()
    });
    assert_eq!(shown, fresh.listing());

    let text = Nftables::new(Tools::default(), Hierarchy::find()).render(&plan);
    // The tool must parse queue statements even if the kernel has no queues in nftables.
    let taken = host
        .command("sh")
        .args(["-c", "exec nft --check --file - 2>&1"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut taken = taken;
    std::io::Write::write_all(&mut taken.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = taken.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let only_queue =
        said.lines().filter(|line| line.contains("Error")).all(|line| line.contains("No such file or directory"))
            && said.contains("queue num 40-43 bypass,fanout") | said.contains("queue flags bypass,fanout to 40-43");
    assert!(output.status.success() || only_queue, "{said}");
    drop(host);
    group.remove();
}
