//! Baselines, and holding the host to them.

use super::Fallback::{Unset, Value};
use super::Reload::{Live, Restart, Sink};
use super::{Section, option};

pub(super) const BASELINE: Section = Section {
    name: "baseline",
    about: "What this host usually does, as rules that people read. In `observe` and `learn` it grows from what is captured, \
            and is written to a file that may be edited meanwhile.",
    options: &[
        option!(baseline.enabled, Value("true"), Restart, "Learn a baseline. Without one there is nothing to enforce."),
        option!(baseline.file, Value("/var/lib/egret/baseline"), Restart, "The file."),
        option!(
            baseline.save_every,
            Value("1m"),
            Sink,
            "How often the file is written if something was learned. It is what a killed daemon loses at most."
        ),
        option!(
            baseline.user,
            Value("true"),
            Sink,
            "Learned rules name the user: what root may do nobody else may for that."
        ),
        option!(baseline.unit, Value("true"), Sink, "Learned rules name the systemd service, where there is one."),
        option!(
            baseline.sha256,
            Value("false"),
            Sink,
            "Learned rules name the digest of the executable, so that a replaced file is another program. Every update of a \
             package then has to be learned anew; needs `capture.hash`."
        ),
        option!(
            baseline.names,
            Value("8"),
            Sink,
            "So many names below one domain, of one program and port, become a rule for all below it. With `0`, never."
        ),
        option!(
            baseline.addresses,
            Value("16"),
            Sink,
            "So many addresses without a name in one network (24 bits, IPv6 64) become a rule for the network. With `0`, never."
        ),
        option!(
            baseline.ports,
            Value("8"),
            Sink,
            "So many ports from 1024 up, of one program and host, become a rule for all of those. With `0`, never."
        ),
        option!(
            baseline.rules,
            Value("20000"),
            Restart,
            "Rules in all that learning may make, about 1 KB of memory each. What would need another one is not learned, counted, \
             and logged."
        ),
        option!(
            baseline.rules_of_subject,
            Value("5000"),
            Restart,
            "Rules about one program (and user, and unit) that learning may make: one that talks to everybody leaves room for \
             the others."
        ),
        option!(
            baseline.queue_events,
            Value("32768"),
            Sink,
            "Events that may wait to be learned, about 350 bytes each; what comes while it is full is dropped, counted, and \
             marks the baseline as incomplete."
        ),
    ],
};

pub(super) const ENFORCE: Section = Section {
    name: "enforce",
    about: "Holding this host to its baseline. As long as the mode is `observe` no packet is touched and there is no firewall \
            rule; `egret mode` switches.",
    options: &[
        option!(
            enforce.enabled,
            Value("true"),
            Restart,
            "Let `egret mode` switch to other modes. Without it, egret gives up the privileges that takes (`CAP_NET_ADMIN`, \
             `CAP_NET_RAW`) once it captures."
        ),
        option!(
            enforce.mode,
            Value("observe"),
            Restart,
            "The mode to begin with. Once somebody has switched, what was switched to holds, also after a restart."
        ),
        option!(
            enforce.state,
            Value("/var/lib/egret/mode.json"),
            Restart,
            "Where the mode is kept over a restart, and until when a switch has to be confirmed."
        ),
        option!(
            enforce.on_failure,
            Value("open"),
            Live,
            "What happens to new connections while egret is dead or cannot keep up. `open` lets them through; `closed` does \
             not, and a host whose egret does not start is then cut off from all but what is protected."
        ),
        option!(
            enforce.action,
            Value("reject"),
            Live,
            "How `enforce` blocks: `reject` lets programs fail at once (TCP reset, ICMP port unreachable), `drop` lets them wait."
        ),
        option!(
            enforce.unattributed,
            Value("block"),
            Live,
            "What `enforce` does with a connection whose process cannot be told."
        ),
        option!(
            enforce.backend,
            Value("auto"),
            Restart,
            "Which firewall. `auto` takes nftables where the kernel can queue packets from it, else iptables."
        ),
        option!(
            enforce.loopback,
            Value("skip"),
            Live,
            "Whether connections within this host are judged too. They are learned in any case."
        ),
        option!(
            enforce.established,
            Value("false"),
            Live,
            "Judge connections that stood already when the mode or the baseline changed. Connections that others opened to \
             this host, an SSH session say, are never judged."
        ),
        option!(
            enforce.protect,
            Value("true"),
            Live,
            "Always let through what a host cannot live without: DNS to the resolvers of `/etc/resolv.conf`, DHCP, NTP, and \
             the neighbour discovery of IPv6."
        ),
        option!(
            enforce.bypass_users,
            Unset { means: "none", example: "[\"backup\"]" },
            Live,
            "Users, by name or number, whose connections are not judged."
        ),
        option!(
            enforce.bypass_groups,
            Unset { means: "none", example: "[\"systemd-network\"]" },
            Live,
            "Groups, by name or number, of processes whose connections are not judged."
        ),
        option!(
            enforce.bypass_cgroups,
            Unset { means: "none", example: "[\"system.slice/chrony.service\"]" },
            Live,
            "Control groups whose connections are not judged, as paths below the root of cgroup v2, such as \
             `system.slice/chrony.service`. The group has to be there when rules are installed."
        ),
        option!(
            enforce.first_queue,
            Value("5300"),
            Restart,
            "Number of the first of egret's packet queues (NFQUEUE). Numbers are shared with other programs of this kind."
        ),
        option!(
            enforce.queues,
            Value("0"),
            Restart,
            "How many queues packets are spread over, each with a thread. `0` takes one for each CPU, four at most. One more \
             is for packets that need a closer look."
        ),
        option!(
            enforce.queue_length,
            Value("4096"),
            Restart,
            "Packets that may wait in a queue. What comes while it is full goes by `enforce.on_failure`."
        ),
        option!(
            enforce.mark_mask,
            Value("0xff000000"),
            Restart,
            "The bits of packets' and connections' marks that egret uses. Nothing else on this host may use them; at least \
             four, side by side."
        ),
    ],
};

pub(super) const FALLBACK: Section = Section {
    name: "fallback",
    about: "When enforcing hurts, egret goes back to `shadow` by itself and says why.",
    options: &[
        option!(fallback.enabled, Value("true"), Live, "Do so."),
        option!(fallback.window, Value("1m"), Live, "Over how long the following is counted."),
        option!(
            fallback.blocks,
            Value("100"),
            Live,
            "So many different program and destination pairs blocked: one program that tries again and again is one."
        ),
        option!(
            fallback.unattributed,
            Value("20%"),
            Live,
            "So large a share of judged connections whose process could not be told, of twenty at least."
        ),
        option!(fallback.overflow, Value("100"), Live, "So many packets that found a queue full."),
    ],
};

pub(super) const ASK: Section = Section {
    name: "ask",
    about: "Asking people about what `enforce` does not know. `egret ask` shows and answers questions; until there is an answer \
            the connection is blocked.",
    options: &[
        option!(ask.enabled, Value("true"), Live, "Keep questions, and let their answers hold."),
        option!(
            ask.hold,
            Value("300ms"),
            Live,
            "How long a connection may wait for an answer before it is blocked; no other one waits behind it. Five seconds \
             at most."
        ),
    ],
};
