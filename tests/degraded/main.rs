//! Hosts that lack something: each missing feature yields a clear message and the right exit status or degradation.
//!
//! Needs root. Features are removed for the program under test only, in a mount namespace or with fewer capabilities.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod environment;
mod mounts;
mod output;
mod privilege;
mod traffic;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Trial;
use nix::unistd::geteuid;

use environment::Installed;

type Test = fn(&Installed);

/// Names each test after its function.
macro_rules! tests {
    ($($module:ident::$name:ident,)*) => {
        [$((concat!(stringify!($module), "::", stringify!($name)), $module::$name as Test)),*]
    };
}

fn main() -> ExitCode {
    let tests = tests![
        privilege::requested_layer_names_its_missing_privileges,
        privilege::single_missing_capability_is_named,
        privilege::unprivileged_user_captures_with_the_suggested_capabilities,
        privilege::auto_without_privileges_falls_back_to_scans_with_a_reason,
        privilege::scans_need_no_privilege,
        privilege::doctor_names_missing_privileges,
        mounts::sockets_layer_names_missing_cgroup_v2,
        mounts::auto_without_cgroup_v2_uses_the_syscalls_layer,
        mounts::doctor_reports_missing_cgroup_v2,
        mounts::auto_without_cgroup_v2_and_tracefs_uses_scans,
        mounts::syscalls_layer_names_missing_tracefs,
        mounts::sockets_layer_needs_no_tracefs,
        mounts::tracefs_below_debugfs_is_found,
        mounts::connects_are_attributed_without_btf,
        mounts::byte_counts_are_absent_or_correct_without_btf,
        mounts::missing_btf_and_tracefs_are_both_named,
        mounts::command_that_cannot_be_followed_is_reported_or_refused,
        output::unknown_layer_is_a_usage_error,
        output::closed_pipe_ends_the_trace_cleanly,
        output::doctor_keeps_its_exit_status_without_a_reader,
        output::full_disk_is_reported,
        output::closed_standard_output_ends_without_a_panic,
    ];
    let root = geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    let egret = Arc::new(Installed::new());
    let trials = tests.into_iter().map(|(name, test)| {
        let egret = Arc::clone(&egret);
        let trial = Trial::test(name, move || {
            test(&egret);
            Ok(())
        });
        trial.with_ignored_flag(!root)
    });
    egret_tests::run(trials.collect())
}
