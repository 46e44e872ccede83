//! Rules in real kernels' tables, and what they do to real packets: each test has two network namespaces of its own, a
//! host and one that it talks with.
//!
//! Every way of installing rules that this kernel has is tested alike. Where it has no queues in nftables, the tests
//! of that way have a rule of nearly the same meaning instead of the one that queues: see [`ways`].
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
        foreign::rules_of_others_stay_as_they_are,
        foreign::twice_is_once,
        foreign::what_a_killed_daemon_left_is_replaced,
        foreign::half_of_it_is_removed_whole,
        foreign::where_there_was_nothing_nothing_is_left,
        foreign::a_failure_leaves_what_was_or_nothing,
        foreign::nothing_is_removed_where_there_is_nothing,
        manners::what_passes_meets_the_rules_of_others,
        manners::what_is_exempt_meets_the_rules_of_others,
        manners::what_passes_is_dropped_by_others_behind,
        manners::what_is_blocked_stays_so_whatever_others_mark,
        guard::a_flush_is_undone,
        guard::a_changed_rule_is_undone,
        guard::changes_of_others_are_none,
        guard::a_control_group_that_comes_is_bypassed,
        guard::removed_is_removed,
        guard::another_plan_replaces_the_first,
        packets::closed_blocks_and_open_does_not,
        packets::the_host_with_itself_is_not_judged,
        packets::nobody_speaks_to_the_host_in_the_name_of_others,
        packets::connections_that_stand_go_on,
        packets::connections_that_stand_are_judged_if_asked,
        packets::sessions_from_outside_are_not_judged,
        packets::exempted_flows_are_not_judged,
        packets::users_and_groups_bypass,
        packets::control_groups_bypass,
        packets::name_servers_can_be_asked,
        packets::protected_ports_are_open_where_they_are_protected,
        packets::what_the_kernel_sends_is_not_judged,
        verdicts::rejected_at_once,
        verdicts::dropped_without_a_word,
        verdicts::rejected_where_answers_carry_marks,
        verdicts::allowed_is_remembered_with_the_bits_of_others,
        verdicts::one_way_traffic_is_judged_once,
        verdicts::a_new_generation_judges_anew,
        verdicts::other_masks_work,
    ];
    let iptables: Vec<Named<fn(Way)>> =
        tests![guard::a_rule_before_is_overtaken, guard::a_reload_is_undone, foreign::without_ip6tables_it_says_so,];
    let host: Vec<Named<fn()>> = tests![
        foreign::what_others_put_beside_it_stays,
        ways::the_best_way_is_chosen,
        ways::leftovers_of_every_way_are_swept,
        golden::rules_read_as_they_should,
        golden::the_text_shown_is_what_tools_take,
    ];
    let iptables_nft: Vec<Named<fn()>> = tests![
        unreadable::nothing_is_installed_into_what_cannot_be_read,
        unreadable::what_cannot_be_read_any_more_is_left_alone,
        unreadable::what_cannot_be_read_any_more_is_removed,
        unreadable::what_cannot_be_removed_is_said,
    ];
    let nf_tables: Vec<Named<fn(Way)>> = tests![guard::flush_is_undone_at_once_where_tools_are_slow,];
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
