//! Baselines, and holding the host to them.

use egret_enforcer::Mode;
use egret_enforcer::evaluate::{BlockAction, FailurePolicy, UnattributedPolicy};
use egret_enforcer::firewall::BackendChoice;

use super::section;
use crate::choice::Loopback;
use crate::kind::{AbsolutePath, Count, Flag, MarkMask, OneOf, Percent, Queue, Texts, Time};

section! {
    /// What this host usually does, as rules that people read. In `observe` and `learn` it grows from what is captured,
    /// and is written to a file that may be edited meanwhile.
    pub baseline: Baseline {
        /// Learn a baseline. Without one there is nothing to enforce.
        enabled: Flag = "true", Restart;

        /// The file.
        file: AbsolutePath = "/var/lib/egret/baseline", Restart;

        /// How often the file is written if something was learned. It is what a killed daemon loses at most.
        save_every: Time = "1m", Sink;

        /// Learned rules name the user: what root may do nobody else may for that.
        user: Flag = "true", Sink;

        /// Learned rules name the systemd service, where there is one.
        unit: Flag = "true", Sink;

        /// Learned rules name the digest of the executable, so that a replaced file is another program. Every update of
        /// a package then has to be learned anew; needs `capture.hash`.
        sha256: Flag = "false", Sink;

        /// So many names below one domain, of one program and port, become a rule for all below it. With `0`, never.
        names: Count<0, 1_000_000> = "8", Sink;

        /// So many addresses without a name in one network (24 bits, IPv6 64) become a rule for the network. With `0`,
        /// never.
        addresses: Count<0, 1_000_000> = "16", Sink;

        /// So many ports from 1024 up, of one program and host, become a rule for all of those. With `0`, never.
        ports: Count<0, 65_535> = "8", Sink;

        /// Let connections that failed become rules like those that succeeded. Without it they are noted as `tried`,
        /// which allows nothing until one succeeds.
        allow_failed: Flag = "false", Restart;

        /// Rules in all that learning may make, about 1 KB of memory each. What would need another one is not learned,
        /// counted, and logged.
        rules: Count<1, 200_000> = "20000", Restart;

        /// Rules about one program (and user, and unit) that learning may make: one that talks to everybody leaves room
        /// for the others.
        rules_of_subject: Count<1, 200_000> = "5000", Restart;

        /// Rules about one user other than root that learning may make, whatever the programs: a user who runs one new
        /// program after another leaves room for the others. Users without a name count as one.
        rules_of_user: Count<1, 200_000> = "10000", Restart;

        /// Events that may wait to be learned, about 350 bytes each; what comes while it is full is dropped, counted,
        /// and marks the baseline as incomplete.
        queue_events: Queue = "32768", Sink;
    }
}

section! {
    /// Holding this host to its baseline. As long as the mode is `observe` no packet is touched and there is no
    /// firewall rule; `egret mode` switches.
    pub enforce: Enforce {
        /// Let `egret mode` switch to other modes. Without it, egret gives up the privileges that takes
        /// (`CAP_NET_ADMIN`, `CAP_NET_RAW`) once it captures.
        enabled: Flag = "true", Restart;

        /// The mode to begin with. Once somebody has switched, what was switched to holds, also after a restart.
        mode: OneOf<Mode> = "observe", Restart;

        /// Where the mode is kept over a restart, and until when a switch has to be confirmed.
        state: AbsolutePath = "/var/lib/egret/mode.json", Restart;

        /// What happens to new connections while egret is dead or cannot keep up. `open` lets them through; `closed`
        /// does not, and a host whose egret does not start is then cut off from all but what is protected.
        on_failure: OneOf<FailurePolicy> = "open", Live;

        /// How `enforce` blocks: `reject` lets programs fail at once (TCP reset, ICMP port unreachable), `drop` lets
        /// them wait.
        action: OneOf<BlockAction> = "reject", Live;

        /// What `enforce` does with a connection whose process cannot be told.
        unattributed: OneOf<UnattributedPolicy> = "block", Live;

        /// Which firewall. `auto` takes nftables where the kernel can queue packets from it, else iptables.
        backend: OneOf<BackendChoice> = "auto", Restart;

        /// Whether connections within this host are judged too. They are learned in any case.
        loopback: OneOf<Loopback> = "skip", Live;

        /// Judge connections that stood already when the mode or the baseline changed. Connections that others opened
        /// to this host, an SSH session say, are never judged.
        established: Flag = "false", Live;

        /// Always let through what a host cannot live without: DNS to the resolvers of `/etc/resolv.conf`, DHCP, NTP,
        /// and the neighbour discovery of IPv6.
        protect: Flag = "true", Live;

        /// Users, by name or number, whose connections are not judged. A name that this host does not have is refused.
        /// egret in a container has the names of the container: give numbers there.
        bypass_users: Texts = unset "none", example r#"["backup"]"#, Live;

        /// Groups, by name or number, of processes whose connections are not judged. A name that this host does not have is
        /// refused.
        bypass_groups: Texts = unset "none", example r#"["systemd-network"]"#, Live;

        /// Control groups whose connections are not judged, as paths below the root of cgroup v2, such as
        /// `system.slice/chrony.service`. The group has to be there when rules are installed.
        bypass_cgroups: Texts = unset "none", example r#"["system.slice/chrony.service"]"#, Live;

        /// Number of the first of egret's packet queues (NFQUEUE). Numbers are shared with other programs of this kind.
        first_queue: Count<0, 65_000, u16> = "5300", Restart;

        /// How many queues packets are spread over, each with a thread. `0` takes one for each CPU, four at most. One
        /// more is for packets that need a closer look.
        queues: Count<0, 64, u16> = "0", Restart;

        /// Packets that may wait in a queue. What comes while it is full goes by `enforce.on_failure`.
        queue_length: Count<16, 1_048_576, u32> = "4096", Restart;

        /// The bits of packets' and connections' marks that egret uses. Nothing else on this host may use them; at
        /// least four, side by side.
        mark_mask: MarkMask = "0xff000000", Restart;
    }
}

section! {
    /// When enforcing hurts, egret goes back to `shadow` by itself and says why.
    pub(crate) fallback: Fallback {
        /// Do so.
        enabled: Flag = "true", Live;

        /// Over how long the following is counted.
        window: Time = "1m", Live;

        /// So many different program and destination pairs blocked: one program that tries again and again is one.
        blocks: Count<1, 1_000_000, u64> = "100", Live;

        /// So large a share of judged connections whose process could not be told, of twenty at least.
        unattributed: Percent = "20%", Live;

        /// So many packets that found a queue full.
        overflow: Count<1, 1_000_000, u64> = "100", Live;
    }
}

section! {
    /// Asking people about what `enforce` does not know. `egret ask` shows and answers questions; until there is an
    /// answer the connection is blocked.
    pub(crate) ask: Ask {
        /// Keep questions, and let their answers hold.
        enabled: Flag = "true", Live;

        /// How long a connection may wait for an answer before it is blocked; no other one waits behind it. Five
        /// seconds at most.
        hold: Time = "300ms", Live;
    }
}
