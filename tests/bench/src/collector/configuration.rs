//! What is compared.

use std::process::Command;

use clap::ValueEnum;

use super::Programs;

/// A way of tracing, or of not tracing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Configuration {
    /// Nothing traces
    Untraced,
    /// Nothing traces, measured once more: how far apart two equal things come out
    Control,
    /// egret trace --capture sockets --format json --no-names
    Sockets,
    /// egret trace --capture sockets --format json, names of peers too
    SocketsNames,
    /// egret trace --capture sockets --format table --no-names
    SocketsTable,
    /// egret trace --capture syscalls --format json --no-names
    Syscalls,
    /// egret trace --capture procfs --format json --no-names
    Procfs,
    /// bpftrace with the fields that egret records
    Bpftrace,
    /// bpftrace with TCP alone
    BpftraceTcp,
    /// egret run, names of peers and all sinks
    Everything,
}

use Configuration::{
    Bpftrace, BpftraceTcp, Control, Everything, Procfs, Sockets, SocketsNames, SocketsTable, Syscalls, Untraced,
};

impl Configuration {
    /// What is compared with untraced unless the command line says otherwise.
    pub(crate) const COMPARED: &[Self] = &[Control, Sockets, SocketsTable, Syscalls, Bpftrace, BpftraceTcp];

    /// The name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Untraced => "untraced",
            Control => "control",
            Sockets => "sockets",
            SocketsNames => "sockets-names",
            SocketsTable => "sockets-table",
            Syscalls => "syscalls",
            Procfs => "procfs",
            Bpftrace => "bpftrace",
            BpftraceTcp => "bpftrace-tcp",
            Everything => "everything",
        }
    }

    /// Capture layer and output format of egret.
    const fn egret(self) -> Option<(&'static str, &'static str)> {
        match self {
            Sockets | SocketsNames => Some(("sockets", "json")),
            SocketsTable => Some(("sockets", "table")),
            Syscalls => Some(("syscalls", "json")),
            Procfs => Some(("procfs", "json")),
            Untraced | Control | Bpftrace | BpftraceTcp | Everything => None,
        }
    }

    /// Whether it is a script for bpftrace.
    pub(super) const fn is_bpftrace(self) -> bool {
        matches!(self, Bpftrace | BpftraceTcp)
    }

    /// How to run it; nothing for what does not trace.
    pub(super) fn command(self, programs: &Programs) -> Option<Command> {
        if let Some((layer, format)) = self.egret() {
            let mut command = Command::new(&programs.egret);
            // Preexisting connections would only be listed, once.
            command.args(["trace", "--no-standing", "--capture", layer, "--format", format]);
            // The hooks on packets are a separate configuration.
            command.args((self != SocketsNames).then_some("--no-names"));
            return Some(command);
        }
        match self {
            Bpftrace => Some(bpftrace(concat!(env!("CARGO_MANIFEST_DIR"), "/src/collector/full.bt"))),
            BpftraceTcp => Some(bpftrace(concat!(env!("CARGO_MANIFEST_DIR"), "/src/collector/tcp.bt"))),
            Everything => Some(everything(programs)),
            _ => None,
        }
    }

    /// A text in every JSON line of the right capture layer.
    pub(super) fn layer_mark(self) -> Option<String> {
        let (layer, format) = if self == Everything { (LAYER, "json") } else { self.egret()? };
        (format == "json").then(|| format!("\"egret.capture\":\"{layer}\""))
    }
}

/// The capture layer of the measured daemon: the default, to detect a fallback.
const LAYER: &str = "sockets";

/// The daemon with its defaults, except for the destinations of its sinks, which are all enabled. JSON lines go to
/// standard output.
fn everything(programs: &Programs) -> Command {
    let place = |name: &str| programs.scratch().join(name);
    let mut command = Command::new(&programs.egret);
    command.args(["run", "--config", "/dev/null"]);
    command.env("EGRET_LOG_FILTER", "warn").env("EGRET_CONTROL_SOCKET", place("egret.sock"));
    command.env("EGRET_CAPTURE_LAYER", LAYER).env("EGRET_CAPTURE_STANDING", "false");
    command.env("EGRET_PARQUET_DESTINATION", place("log")).env("EGRET_METRICS_LISTEN", "127.0.0.1:0");
    command.env("EGRET_BASELINE_FILE", place("baseline")).env("EGRET_ENFORCE_STATE", place("mode.json"));
    command.env("EGRET_JSON_ENABLED", "true").env("EGRET_JSON_DESTINATION", "stdout");
    command.env("EGRET_OTLP_ENDPOINT", format!("http://{}", programs.spans)).env("EGRET_OTLP_PROTOCOL", "grpc");
    command
}

/// Capacity for the peers of the workloads, and for as many events as egret's ring holds: less would make bpftrace
/// cheaper by losing events. Its warning about `RLIMIT_MEMLOCK` is irrelevant on kernels that account BPF memory to
/// cgroups (Linux 5.11).
fn bpftrace(script: &str) -> Command {
    let mut command = Command::new("bpftrace");
    command.env("BPFTRACE_MAP_KEYS_MAX", "65536").env("BPFTRACE_PERF_RB_PAGES", "1024").arg(script);
    command
}
