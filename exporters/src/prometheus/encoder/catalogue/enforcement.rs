//! Metrics of verdicts, the firewall, the queues and the baseline.

use super::{MetricInfo, counter, gauge, histogram};

pub(crate) const BLOCKED: MetricInfo = counter(
    "egret_blocked_total",
    &["verdict", "reason", "executable"],
    "Connections and first datagrams that were blocked, or would have been, by the events about them.",
);
pub(crate) const PEER_BLOCKED: MetricInfo =
    counter("egret_peer_blocked_total", &["verdict", "peer"], "The connections of egret_blocked_total, by peer.");

pub(crate) const MODE_SINCE: MetricInfo =
    gauge("egret_mode_since_timestamp_seconds", &[], "Since when the mode is in force, Unix time.");
pub(crate) const MODE_LIMITED: MetricInfo =
    gauge("egret_mode_limited", &[], "1 if the mode in force is limited to one subject, 0 if it applies to all.");
pub(crate) const PHASE: MetricInfo = gauge(
    "egret_enforcement_phase",
    &["phase"],
    "1 for the phase of the mode: starting (not in force yet), in_force, or failed (enforce.on_failure is in force instead).",
);
pub(crate) const CONTROLLER_RESTARTS: MetricInfo = counter(
    "egret_controller_restarts_total",
    &[],
    "Restarts of the controller of modes, firewall and queues after a panic.",
);
pub(crate) const CONFIRM_BY: MetricInfo = gauge(
    "egret_confirm_by_timestamp_seconds",
    &[],
    "When egret reverts to the previous mode unless the mode is confirmed, Unix time; absent without a pending confirmation.",
);
pub(crate) const FALLBACKS: MetricInfo =
    counter("egret_fallbacks_total", &["reason"], "Automatic fallbacks: egret stopped enforcing, or evaluating flows.");
pub(crate) const LAST_FALLBACK: MetricInfo = gauge(
    "egret_last_fallback_timestamp_seconds",
    &["reason"],
    "When the last automatic fallback was, Unix time; absent if there was none.",
);
pub(crate) const FIREWALL_BACKEND: MetricInfo =
    gauge("egret_firewall_backend", &["backend"], "1 for the back end with rules installed, 0 for the others.");
pub(crate) const FIREWALL_RECREATED: MetricInfo = counter(
    "egret_firewall_recreated_total",
    &[],
    "Times that firewall rules were re-created after another program had removed them.",
);
pub(crate) const POLICY_GENERATION: MetricInfo =
    gauge("egret_policy_generation", &[], "Generation of the policy; flows are evaluated again when it changes.");

pub(crate) const VERDICTS: MetricInfo = counter(
    "egret_verdicts_total",
    &["verdict", "reason"],
    "Verdicts on queued packets: every one, counted where it is issued.",
);
pub(crate) const VERDICT_ATTRIBUTIONS: MetricInfo = counter(
    "egret_verdict_attributions_total",
    &["quality"],
    "The verdicts of egret_verdicts_total, by quality of the attribution.",
);
pub(crate) const VERDICT_DURATION: MetricInfo = histogram(
    "egret_verdict_duration_seconds",
    &[],
    "Latency of the verdicts of egret_verdicts_total, from the arrival of the packet at egret.",
);
pub(crate) const VERDICT_CACHE_HITS: MetricInfo = counter(
    "egret_verdict_cache_hits_total",
    &[],
    "Verdicts of egret_verdicts_total that came from the verdict cache.",
);
pub(crate) const FLOWS_GRANTED: MetricInfo = counter(
    "egret_flows_granted_total",
    &[],
    "Flows that the kernel let through because a similar flow was allowed before; not in egret_verdicts_total.",
);
pub(crate) const PACKETS_LATE: MetricInfo =
    counter("egret_packets_late_total", &[], "Packets evaluated at the deadline, before all facts were known.");
pub(crate) const PACKETS_PARKED: MetricInfo =
    counter("egret_packets_parked_total", &[], "Packets held until a digest or an answer arrived.");
pub(crate) const PACKETS_UNSEARCHED: MetricInfo = counter(
    "egret_packets_unsearched_total",
    &[],
    "Packets left unattributed because the time budget for searches of /proc was used up.",
);
pub(crate) const QUESTIONS_PENDING: MetricInfo =
    gauge("egret_questions_pending", &[], "Questions to a user that are not answered yet (egret ask).");

pub(crate) const QUEUE_LENGTH: MetricInfo =
    gauge("egret_queue_length", &["queue"], "Packets in an NFQUEUE that wait for a verdict.");
pub(crate) const QUEUE_CAPACITY: MetricInfo =
    gauge("egret_queue_capacity", &["queue"], "Capacity of an NFQUEUE, packets.");
pub(crate) const QUEUE_DROPPED: MetricInfo = counter(
    "egret_queue_dropped_total",
    &["queue", "reason"],
    "Packets that did not reach egret; on_failure decides whether the kernel lets them through or drops them.",
);
pub(crate) const CONNTRACK_ENTRIES: MetricInfo = gauge(
    "egret_conntrack_entries",
    &[],
    "Entries of the conntrack table of the network namespace that is evaluated; absent where none is.",
);
pub(crate) const CONNTRACK_LIMIT: MetricInfo = gauge(
    "egret_conntrack_entries_limit",
    &[],
    "Maximum number of entries of the conntrack table, above which the kernel drops packets of new connections.",
);

pub(crate) const BASELINE_RULES: MetricInfo = gauge("egret_baseline_rules", &[], "Rules of the baseline that allow.");
pub(crate) const BASELINE_DENIED_RULES: MetricInfo =
    gauge("egret_baseline_denied_rules", &[], "Rules of the baseline that deny.");
pub(crate) const BASELINE_SUBJECTS: MetricInfo =
    gauge("egret_baseline_subjects", &[], "Subjects of the rules of the baseline.");
pub(crate) const BASELINE_GAPS: MetricInfo = gauge(
    "egret_baseline_gaps",
    &[],
    "Intervals with lost events while the baseline was learned, whose flows it may lack.",
);
pub(crate) const BASELINE_LEARNED: MetricInfo = counter("egret_baseline_learned_total", &[], "Rules learned.");
pub(crate) const BASELINE_FULL: MetricInfo = counter(
    "egret_baseline_full_total",
    &[],
    "Flows not learned because the number of rules has reached `baseline.rules`, `baseline.rules_of_subject` or `baseline.rules_of_user`.",
);
pub(crate) const BASELINE_FLOWS: MetricInfo = gauge(
    "egret_baseline_flows",
    &[],
    "Flows that the rules of the baseline were learned from, over all days, without rules whose flows enforcement never evaluates.",
);
pub(crate) const BASELINE_NOVELTY: MetricInfo = gauge(
    "egret_baseline_novelty_ratio",
    &[],
    "Probability that the next flow is one never seen before, 0 to 1 (Good-Turing estimate from egret_baseline_flows); absent before the first flow.",
);
pub(crate) const BASELINE_NOVELTY_BOUND: MetricInfo = gauge(
    "egret_baseline_novelty_bound_ratio",
    &[],
    "Upper bound of egret_baseline_novelty_ratio at a confidence of 0.95.",
);
pub(crate) const BASELINE_SAVED: MetricInfo = gauge(
    "egret_baseline_saved_timestamp_seconds",
    &[],
    "When the baseline was last written to its file, Unix time; absent if it never was.",
);
pub(crate) const BASELINE_PROBLEMS: MetricInfo =
    gauge("egret_baseline_problems", &[], "Number of problems in the file of the baseline.");
pub(crate) const SUBJECT_FLOWS: MetricInfo = gauge(
    "egret_baseline_subject_flows",
    &["executable"],
    "The flows of egret_baseline_flows, by executable, for those with the most; of all others as `other`.",
);
pub(crate) const SUBJECT_NOVELTY: MetricInfo = gauge(
    "egret_baseline_subject_novelty_ratio",
    &["executable"],
    "The probability of egret_baseline_novelty_ratio, by executable, for the same ones; of all others as `other`.",
);
