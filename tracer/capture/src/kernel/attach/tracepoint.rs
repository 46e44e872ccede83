//! Tracepoints.

use aya::Btf;
use aya::programs::{BtfTracePoint, TracePoint};
use egret_model::Degradation;

use super::super::error::LoadError;
use super::super::features::{LENGTH_TRACEPOINTS, has_tracepoints};
use super::super::probe::find_tracefs;
use super::super::programs::Programs;

/// Typed tracepoints that follow processes; the program is named after the tracepoint.
const PROCESS_TRACEPOINTS: [&str; 4] =
    ["sched_process_exec", "sched_process_fork", "sched_process_exit", "cgroup_mkdir"];

/// The same without the kernel's types: program, category, tracepoint.
const UNTYPED_TRACEPOINTS: [(&str, &str, &str); 3] = [
    ("exec_untyped", "sched", "sched_process_exec"),
    ("fork_untyped", "sched", "sched_process_fork"),
    ("exit_untyped", "sched", "sched_process_exit"),
];

/// The typed tracepoint that reports errors of datagram sockets (Linux 5.15).
const ERROR_TRACEPOINT: &str = "inet_sk_error_report";

/// Tracepoints of the `syscalls` layer: program and calls. Exits come first: an entry whose exit is not seen would
/// keep its slot in the table of calls.
const CALL_TRACEPOINTS: [(&str, &[&str]); 6] = [
    (
        "exit_call",
        &[
            "sys_exit_connect",
            "sys_exit_sendto",
            "sys_exit_sendmsg",
            "sys_exit_sendmmsg",
            "sys_exit_accept",
            "sys_exit_accept4",
        ],
    ),
    ("enter_connect", &["sys_enter_connect"]),
    ("enter_sendto", &["sys_enter_sendto"]),
    ("enter_sendmsg", &["sys_enter_sendmsg"]),
    ("enter_sendmmsg", &["sys_enter_sendmmsg"]),
    ("enter_accept", &["sys_enter_accept", "sys_enter_accept4"]),
];

impl Programs {
    /// Attaches the tracepoints that follow processes.
    pub(super) fn attach_processes(&mut self, types: Option<&Btf>) -> Result<(), LoadError> {
        if let Some(types) = types {
            return PROCESS_TRACEPOINTS.iter().try_for_each(|name| self.attach_typed(name, types));
        }
        if find_tracefs().is_none() {
            self.degradations.push(Degradation::NoTracefs);
            return Ok(());
        }
        UNTYPED_TRACEPOINTS.iter().try_for_each(|(name, category, tracepoint)| {
            self.install(name, TracePoint::load, |program: &mut TracePoint| program.attach(category, tracepoint))
        })
    }

    pub(super) fn attach_lengths(&mut self, types: &Btf) -> Result<(), LoadError> {
        if self.degradations.contains(&Degradation::NoLengthTracepoints) {
            return Ok(());
        }
        LENGTH_TRACEPOINTS.iter().try_for_each(|name| self.attach_typed(name, types))
    }

    /// Attaches the tracepoint of errors. Everything else is reported without it.
    pub(super) fn attach_errors(&mut self, types: &Btf) {
        if has_tracepoints(types, &[ERROR_TRACEPOINT]) {
            let attached = self.attach_typed(ERROR_TRACEPOINT, types);
            self.degrade(attached, Degradation::NoErrorReports);
        } else {
            self.degradations.push(Degradation::NoErrorReports);
        }
    }

    /// Attaches the tracepoints of system calls. One program serves several.
    pub(super) fn attach_calls(&mut self) -> Result<(), LoadError> {
        CALL_TRACEPOINTS.iter().try_for_each(|(name, calls)| {
            self.install(name, TracePoint::load, |program: &mut TracePoint| {
                calls.iter().try_for_each(|call| program.attach("syscalls", call).map(drop))
            })
        })
    }

    fn attach_typed(&mut self, name: &'static str, types: &Btf) -> Result<(), LoadError> {
        self.install(
            name,
            |program: &mut BtfTracePoint| program.load(name, types),
            |program: &mut BtfTracePoint| program.attach(),
        )
    }
}
