//! Metrics of verdicts, the firewall, the queues and the baseline.

use super::{MetricInfo, counter, gauge, histogram};

pub(in crate::prometheus) const BLOCKED: MetricInfo = counter(
    "egret_blocked_total",
    &["verdict", "reason", "executable"],
    "Connections and first datagrams that were blocked, or would have been, as events tell of them.",
);
pub(in crate::prometheus) const PEER_BLOCKED: MetricInfo = counter(
    "egret_peer_blocked_total",
    &["verdict", "peer"],
    "The connections of egret_blocked_total by who is at the other end.",
);

pub(in crate::prometheus) const MODE_SINCE: MetricInfo =
    gauge("egret_mode_since_timestamp_seconds", &[], "When the mode at work began, Unix time.");
pub(in crate::prometheus) const MODE_LIMITED: MetricInfo =
    gauge("egret_mode_limited", &[], "1 if the mode at work is kept to one subject, 0 if it holds for all.");
pub(in crate::prometheus) const CONFIRM_BY: MetricInfo = gauge(
    "egret_confirm_by_timestamp_seconds",
    &[],
    "When egret goes back to the mode before unless somebody confirms, Unix time; absent if nothing is to be confirmed.",
);
pub(in crate::prometheus) const FALLBACKS: MetricInfo =
    counter("egret_fallbacks_total", &["reason"], "Times that egret went back to rehearsing by itself.");
pub(in crate::prometheus) const LAST_FALLBACK: MetricInfo = gauge(
    "egret_last_fallback_timestamp_seconds",
    &["reason"],
    "When egret last went back to rehearsing by itself, Unix time; absent if it never did.",
);
pub(in crate::prometheus) const FIREWALL_BACKEND: MetricInfo =
    gauge("egret_firewall_backend", &["backend"], "1 for the back end whose rules stand, 0 for the others.");
pub(in crate::prometheus) const FIREWALL_RECREATED: MetricInfo = counter(
    "egret_firewall_recreated_total",
    &[],
    "Times that firewall rules which somebody else removed were put back.",
);
pub(in crate::prometheus) const POLICY_GENERATION: MetricInfo =
    gauge("egret_policy_generation", &[], "Generation of the policy; another one judges flows anew.");

pub(in crate::prometheus) const VERDICTS: MetricInfo = counter(
    "egret_verdicts_total",
    &["verdict", "reason"],
    "Verdicts on packets that came to a queue: every one, counted where it is given.",
);
pub(in crate::prometheus) const VERDICT_ATTRIBUTIONS: MetricInfo = counter(
    "egret_verdict_attributions_total",
    &["quality"],
    "The verdicts of egret_verdicts_total, by how the process was found.",
);
pub(in crate::prometheus) const VERDICT_DURATION: MetricInfo = histogram(
    "egret_verdict_duration_seconds",
    &[],
    "From the arrival of a packet at egret to its verdict, of the verdicts of egret_verdicts_total.",
);
pub(in crate::prometheus) const VERDICT_CACHE_HITS: MetricInfo = counter(
    "egret_verdict_cache_hits_total",
    &[],
    "Of the verdicts of egret_verdicts_total, those remembered from a flow like it.",
);
pub(in crate::prometheus) const FLOWS_GRANTED: MetricInfo = counter(
    "egret_flows_granted_total",
    &[],
    "Flows that the kernel let through by itself after one like it was allowed; not in egret_verdicts_total.",
);
pub(in crate::prometheus) const PACKETS_LATE: MetricInfo = counter(
    "egret_packets_late_total",
    &[],
    "Packets judged because the time was over, before all that there is to know of them was known.",
);
pub(in crate::prometheus) const PACKETS_PARKED: MetricInfo =
    counter("egret_packets_parked_total", &[], "Packets that were held back, for a digest or an answer.");
pub(in crate::prometheus) const QUESTIONS_PENDING: MetricInfo =
    gauge("egret_questions_pending", &[], "Questions that wait for somebody's answer (egret ask).");

pub(in crate::prometheus) const QUEUE_LENGTH: MetricInfo =
    gauge("egret_queue_length", &["queue"], "Packets that wait in a queue of the kernel for a verdict.");
pub(in crate::prometheus) const QUEUE_CAPACITY: MetricInfo =
    gauge("egret_queue_capacity", &["queue"], "Packets that may wait in a queue of the kernel.");
pub(in crate::prometheus) const QUEUE_DROPPED: MetricInfo = counter(
    "egret_queue_dropped_total",
    &["queue", "reason"],
    "Packets that never reached egret; on_failure says whether the kernel then lets them through or drops them.",
);

pub(in crate::prometheus) const BASELINE_RULES: MetricInfo =
    gauge("egret_baseline_rules", &[], "Rules of the baseline that allow.");
pub(in crate::prometheus) const BASELINE_DENIED_RULES: MetricInfo =
    gauge("egret_baseline_denied_rules", &[], "Rules of the baseline that deny.");
pub(in crate::prometheus) const BASELINE_SUBJECTS: MetricInfo =
    gauge("egret_baseline_subjects", &[], "Subjects that the rules of the baseline are about.");
pub(in crate::prometheus) const BASELINE_GAPS: MetricInfo = gauge(
    "egret_baseline_gaps",
    &[],
    "Intervals with losses while the baseline was learned: what happened in them may be missing.",
);
pub(in crate::prometheus) const BASELINE_LEARNED: MetricInfo =
    counter("egret_baseline_learned_total", &[], "Rules that were learned.");
pub(in crate::prometheus) const BASELINE_FULL: MetricInfo = counter(
    "egret_baseline_full_total",
    &[],
    "Flows of which nothing was learned because there are as many rules as `baseline.rules` and `baseline.rules_of_subject` allow.",
);
pub(in crate::prometheus) const BASELINE_FLOWS: MetricInfo =
    gauge("egret_baseline_flows", &[], "Flows that the rules of the baseline were learned from, all days together.");
pub(in crate::prometheus) const BASELINE_NOVELTY: MetricInfo = gauge(
    "egret_baseline_novelty_ratio",
    &[],
    "Chance that the next flow is one never seen, 0 to 1 (Good-Turing estimate); absent before the first flow.",
);
pub(in crate::prometheus) const BASELINE_NOVELTY_BOUND: MetricInfo = gauge(
    "egret_baseline_novelty_bound_ratio",
    &[],
    "What egret_baseline_novelty_ratio is at most, with a probability of 0.95.",
);
pub(in crate::prometheus) const BASELINE_SAVED: MetricInfo = gauge(
    "egret_baseline_saved_timestamp_seconds",
    &[],
    "When the baseline was last written to its file, Unix time; absent if it never was.",
);
pub(in crate::prometheus) const BASELINE_PROBLEMS: MetricInfo =
    gauge("egret_baseline_problems", &[], "What is wrong with the file of the baseline, in number.");
pub(in crate::prometheus) const SUBJECT_FLOWS: MetricInfo = gauge(
    "egret_baseline_subject_flows",
    &["executable"],
    "The flows of egret_baseline_flows by executable, those with the most; all others together as `other`.",
);
pub(in crate::prometheus) const SUBJECT_NOVELTY: MetricInfo = gauge(
    "egret_baseline_subject_novelty_ratio",
    &["executable"],
    "The chance of egret_baseline_novelty_ratio by executable, the same ones; of all others together as `other`.",
);
