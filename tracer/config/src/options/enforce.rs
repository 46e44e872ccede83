//! Baselines, enforcement, fallback and questions.

use egret_enforcer::Mode;
use egret_enforcer::evaluate::{BlockAction, FailurePolicy, UnattributedPolicy};
use egret_enforcer::firewall::BackendChoice;

use super::section;
use crate::choice::Loopback;
use crate::kind::{AbsolutePath, Count, Flag, MarkMask, OneOf, Percent, Queue, Texts, Time};

section! {
    /// The baseline: what this host usually does, as rules that people can read. In `observe` and `learn` egret adds rules
    /// from captured events. The baseline is a file that may be edited while egret runs.
    pub baseline: Baseline {
        /// Learn a baseline. Enforcement needs one.
        enabled: Flag = "true", Restart;

        /// The file.
        file: AbsolutePath = "/var/lib/egret/baseline", Restart;

        /// How often the file is written if something was learned. A daemon that is killed loses at most this much.
        save_every: Time = "1m", Sink;

        /// Put the user into learned rules, so that a flow of root does not allow the same flow for other users.
        user: Flag = "true", Sink;

        /// Put the systemd service, if there is one, into learned rules.
        unit: Flag = "true", Sink;

        /// Put the SHA-256 of the executable into learned rules, so that a replaced file no longer matches. Every package
        /// update then has to be learned again. Needs `capture.hash`.
        sha256: Flag = "false", Sink;

        /// This many names below one domain, for one program and port, become one rule for the domain. `0` turns this off.
        names: Count<0, 1_000_000> = "8", Sink;

        /// This many addresses without a name in one network (/24, for IPv6 /64) become one rule for the network. `0`
        /// turns this off.
        addresses: Count<0, 1_000_000> = "16", Sink;

        /// This many ports from 1024 up, for one program and host, become one rule for all ports from 1024 up. `0` turns
        /// this off.
        ports: Count<0, 65_535> = "8", Sink;

        /// Learn failed connections like successful ones. Without this option they are noted as `tried`, which allows
        /// nothing until a connection like them succeeds.
        allow_failed: Flag = "false", Restart;

        /// Most rules that learning may make, about 1 KB of memory each. At the limit, a flow that would need a new rule
        /// is not learned, but counted and logged.
        rules: Count<1, 200_000> = "20000", Restart;

        /// Most rules that learning may make for one subject (program, user and unit), so that a program with very many
        /// peers cannot use up `baseline.rules`.
        rules_of_subject: Count<1, 200_000> = "5000", Restart;

        /// Most rules that learning may make for one user other than root, over all programs, so that a user who runs many
        /// new programs cannot use up `baseline.rules`. All users without a name count as one.
        rules_of_user: Count<1, 200_000> = "10000", Restart;

        /// Capacity of the learner's queue in events, about 350 bytes each. While it is full, events are dropped and
        /// counted, and the baseline is marked incomplete.
        queue_events: Queue = "32768", Sink;
    }
}

section! {
    /// Enforcement of the baseline. In mode `observe` no packet is touched and egret has no firewall rule. `egret mode`
    /// switches the mode.
    pub enforce: Enforce {
        /// Let `egret mode` switch to other modes. Without this option egret drops `CAP_NET_ADMIN` and `CAP_NET_RAW` once
        /// capture has started.
        enabled: Flag = "true", Restart;

        /// The mode of the first start. After a switch with `egret mode`, that mode is used instead, also after a restart.
        mode: OneOf<Mode> = "observe", Restart;

        /// The file that keeps the mode, and the deadline of a pending confirmation, over a restart.
        state: AbsolutePath = "/var/lib/egret/mode.json", Restart;

        /// What happens to new connections while egret does not run or cannot keep up. `open` lets them through. `closed`
        /// drops them: if egret does not start, the host reaches only what `enforce.protect` allows.
        on_failure: OneOf<FailurePolicy> = "open", Live;

        /// How `enforce` blocks. With `reject` programs fail at once (TCP reset, ICMP port unreachable), with `drop` they
        /// wait for a time-out.
        action: OneOf<BlockAction> = "reject", Live;

        /// What `enforce` does with a connection whose process is unknown.
        unattributed: OneOf<UnattributedPolicy> = "block", Live;

        /// The firewall to use. `auto` takes nftables if the kernel can queue packets from it, else iptables.
        backend: OneOf<BackendChoice> = "auto", Restart;

        /// Whether loopback connections are judged too. They are always learned.
        loopback: OneOf<Loopback> = "skip", Live;

        /// Judge connections again that were open already when the mode or the baseline changed. Connections to this host,
        /// such as an SSH session, are never judged.
        established: Flag = "false", Live;

        /// Always allow DNS to the resolvers of `/etc/resolv.conf`, DHCP, NTP and IPv6 neighbour discovery, without which a
        /// host cannot work.
        protect: Flag = "true", Live;

        /// Users, by name or number, whose connections are not judged. A name that this host does not have is an error. In
        /// a container egret only knows the container's names: use numbers there.
        bypass_users: Texts = unset "none", example r#"["backup"]"#, Live;

        /// Groups, by name or number, of processes whose connections are not judged. A name that this host does not have is
        /// an error.
        bypass_groups: Texts = unset "none", example r#"["systemd-network"]"#, Live;

        /// Control groups whose connections are not judged, as paths below the root of cgroup v2, such as
        /// `system.slice/chrony.service`. The group must exist when the firewall rules are installed.
        bypass_cgroups: Texts = unset "none", example r#"["system.slice/chrony.service"]"#, Live;

        /// Number of egret's first packet queue (NFQUEUE). Other programs that use NFQUEUE must use other numbers.
        first_queue: Count<0, 65_000, u16> = "5300", Restart;

        /// Number of fast-path queues, each with a thread. `0` takes one for each CPU, at most four. One more queue is for
        /// the slow path.
        queues: Count<0, 64, u16> = "0", Restart;

        /// Capacity of a queue in packets. While it is full, `enforce.on_failure` applies.
        queue_length: Count<16, 1_048_576, u32> = "4096", Restart;

        /// The bits of packet and connection marks that egret uses: at least four adjacent bits, which nothing else on this
        /// host uses.
        mark_mask: MarkMask = "0xff000000", Restart;
    }
}

section! {
    /// The fallback monitor. When enforcement does damage, egret falls back to `shadow` and reports the reason.
    pub(crate) fallback: Fallback {
        /// Fall back automatically.
        enabled: Flag = "true", Live;

        /// The interval over which the next three options count.
        window: Time = "1m", Live;

        /// Fall back at this many blocked pairs of program and destination. A program that retries counts once.
        blocks: Count<1, 1_000_000, u64> = "100", Live;

        /// Fall back when this share of the judged connections, at least twenty, had no known process.
        unattributed: Percent = "20%", Live;

        /// Fall back at this many packets that came while a queue was full.
        overflow: Count<1, 1_000_000, u64> = "100", Live;
    }
}

section! {
    /// Questions about connections that no rule matches in `enforce`. `egret ask` shows and answers them. Until there is an
    /// answer the connection is blocked.
    pub(crate) ask: Ask {
        /// Make questions and apply their answers.
        enabled: Flag = "true", Live;

        /// How long a connection may wait for an answer before it is blocked, at most five seconds. Other connections do
        /// not wait behind it.
        hold: Time = "300ms", Live;
    }
}
