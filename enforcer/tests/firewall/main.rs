//! Rules in the tables of a real kernel and their effect on real packets. Each test has two network namespaces: a
//! host and its peer.
//!
//! Every backend that this kernel has is tested alike. If it has no queues in nftables, the tests of that backend
//! replace the queue rule by one of nearly the same meaning: see [`ways`].
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod foreign;
mod golden;
mod guard;
mod host;
mod manners;
mod packets;
mod plans;
mod traffic;
mod unreadable;
mod verdicts;
mod ways;

use std::process::ExitCode;

use libtest_mimic::Trial;

use ways::Way;

/// A test by its name.
type Named<T> = (&'static str, T);

/// Names each test after its function.
macro_rules! tests {
    ($($module:ident::$name:ident,)*) => {
        vec![$((concat!(stringify!($module), "::", stringify!($name)), $module::$name)),*]
    };
}

fn main() -> ExitCode {
    let each: Vec<Named<fn(Way)>> = tests![
        foreign::foreign_rules_are_kept,
        foreign::second_installation_changes_nothing,
        foreign::rules_of_a_killed_daemon_are_replaced,
        foreign::partial_rules_are_removed_completely,
        foreign::removal_leaves_no_trace_on_an_empty_host,
        foreign::failed_installation_keeps_the_former_rules_or_none,
        foreign::removal_without_rules_changes_nothing,
        manners::passing_packets_traverse_foreign_rules,
        manners::exempt_packets_traverse_foreign_rules,
        manners::later_foreign_rules_drop_passing_packets,
        manners::foreign_marks_do_not_pass_blocked_packets,
        guard::flushed_rules_are_restored,
        guard::changed_rule_is_restored,
        guard::foreign_changes_cause_no_reinstallation,
        guard::new_cgroup_is_bypassed,
        guard::removed_rules_stay_removed,
        guard::new_plan_replaces_the_former_plan,
        packets::unread_queue_blocks_if_closed_and_passes_if_open,
        packets::traffic_within_the_host_is_not_evaluated,
        packets::flows_within_the_host_from_foreign_addresses_are_evaluated,
        packets::preexisting_connections_continue,
        packets::preexisting_connections_are_evaluated_if_configured,
        packets::inbound_sessions_are_not_evaluated,
        packets::exempt_flows_are_not_evaluated,
        packets::bypass_users_and_groups_are_not_evaluated,
        packets::bypass_cgroups_are_not_evaluated,
        packets::queries_to_resolvers_are_not_evaluated,
        packets::protected_ports_are_not_evaluated,
        packets::packets_of_the_kernel_are_not_evaluated,
        verdicts::blocked_packets_are_rejected_at_once,
        verdicts::blocked_packets_are_dropped_silently,
        verdicts::reject_works_with_fwmark_reflect,
        verdicts::conntrack_mark_keeps_the_verdict_and_foreign_bits,
        verdicts::one_way_flow_is_evaluated_once,
        verdicts::new_generation_evaluates_flows_again,
        verdicts::other_masks_are_supported,
    ];
    let iptables: Vec<Named<fn(Way)>> = tests![
        guard::rule_inserted_before_is_overtaken,
        guard::reload_by_another_tool_is_undone,
        foreign::missing_ip6tables_is_reported,
    ];
    let host: Vec<Named<fn()>> = tests![
        foreign::foreign_objects_in_egret_tables_are_kept,
        ways::best_backend_is_chosen,
        ways::leftovers_of_every_backend_are_removed,
        golden::rules_match_their_golden_files,
        golden::shown_text_is_accepted_by_the_tools,
    ];
    let iptables_nft: Vec<Named<fn()>> = tests![
        unreadable::unreadable_tables_are_not_installed_into,
        unreadable::table_that_became_unreadable_is_left_alone,
        unreadable::rules_in_an_unreadable_table_are_removed,
        unreadable::foreign_jump_that_prevents_removal_is_reported,
    ];
    let nf_tables: Vec<Named<fn(Way)>> = tests![guard::flushed_rules_are_restored_at_once_with_slow_tools,];
    let mut trials = Vec::new();
    for way in Way::all() {
        let tests = each.iter().chain(iptables.iter().filter(|_| way != Way::Nftables));
        let tests = tests.chain(nf_tables.iter().filter(|_| way != Way::IptablesLegacy));
        trials.extend(tests.map(|(name, body)| trial(way, name, *body)));
    }
    trials.extend(host.into_iter().map(|(name, body)| egret_tests::test(name, body)));
    trials.extend(iptables_nft.into_iter().map(|(name, body)| {
        let trial = egret_tests::test(name, body);
        ["iptables-nft", "nft"].into_iter().fold(trial, |trial, tool| egret_tests::needing(tool, trial))
    }));
    egret_tests::run(trials)
}

fn trial(way: Way, name: &str, body: fn(Way)) -> Trial {
    let trial = egret_tests::test(&format!("{way}::{name}"), move || body(way));
    way.tools_needed().iter().fold(trial, |trial, tool| egret_tests::needing(tool, trial))
}
