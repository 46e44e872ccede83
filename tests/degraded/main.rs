//! Hosts that lack something, for real: each lack gives a clear message and the right exit status or degradation.
//!
//! Needs root, to take things away: what is taken is taken from the program under test alone, in a mount namespace of
//! its own or with fewer capabilities.
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
        privilege::a_layer_asked_for_names_what_is_missing,
        privilege::one_missing_capability_is_named_alone,
        privilege::nobody_with_the_capabilities_of_the_remedy_captures,
        privilege::auto_falls_back_to_scans_and_says_so,
        privilege::scans_need_no_privilege,
        privilege::doctor_explains,
        mounts::sockets_without_cgroup_v2_name_it,
        mounts::auto_without_cgroup_v2_takes_system_calls,
        mounts::doctor_without_cgroup_v2,
        mounts::without_cgroup_v2_and_tracefs_only_scans_remain,
        mounts::system_calls_without_tracefs_name_it,
        mounts::sockets_do_not_need_tracefs,
        mounts::tracefs_below_debugfs_is_found,
        mounts::without_types_connects_are_still_attributed,
        mounts::without_types_no_bytes_are_invented,
        mounts::without_types_and_tracefs_both_are_named,
        mounts::a_command_that_cannot_be_followed_is_not_shown_as_silent,
        output::unknown_layers_are_bad_usage,
        output::a_reader_that_is_gone_ends_the_trace_cleanly,
        output::doctor_without_a_reader_keeps_its_status,
        output::a_full_disk_is_told,
        output::a_closed_output_is_no_crash,
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
