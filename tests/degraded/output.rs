//! Broken outputs and usage errors.

use std::fs::File;
use std::io;
use std::process::Stdio;

use crate::environment::{Environment, Installed};

pub(crate) fn unknown_layer_is_a_usage_error(egret: &Installed) {
    for name in ["ebpf", "Sockets", "kprobes", ""] {
        let ran = Environment::whole().run(egret, &["trace", "--capture", name]).ends_with(2);
        let ran = ran.stderr_has(&["--capture", "auto, sockets, syscalls, procfs"]);
        assert!(ran.stdout.is_empty(), "{ran}");
    }
}

/// A pipe whose reader has been closed.
fn no_reader() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

pub(crate) fn closed_pipe_ends_the_trace_cleanly(egret: &Installed) {
    for format in ["table", "json"] {
        let ran = Environment::whole().run_with(egret, &["trace", "--format", format], no_reader());
        ran.ends_with(0).adds_up().stderr_lacks(&["panicked", "roken pipe"]);
    }
}

pub(crate) fn doctor_keeps_its_exit_status_without_a_reader(egret: &Installed) {
    let ran = Environment::whole().run_with(egret, &["doctor"], no_reader()).ends_with(0);
    ran.stderr_lacks(&["panicked", "roken pipe"]);
    Environment::whole().nobody().run_with(egret, &["doctor", "--json"], no_reader()).ends_with(3);
}

/// All events are written until the disk is full, and then the error.
pub(crate) fn full_disk_is_reported(egret: &Installed) {
    let full = || File::options().write(true).open("/dev/full").unwrap().into();
    let ran = Environment::whole().run_with(egret, &["doctor"], full()).ends_with(1);
    ran.stderr_has(&["cannot write to standard output", "No space left on device"]);
    let ran = Environment::whole().run_with(egret, &["trace"], full()).ends_with(1);
    ran.stderr_has(&["cannot write to standard output", "No space left on device"]).stderr_lacks(&["panicked"]);
}

/// The shell closes standard output before the program starts.
pub(crate) fn closed_standard_output_ends_without_a_panic(egret: &Installed) {
    let program = egret.program();
    let script = format!("exec {} trace --duration 200ms >&-", program.display());
    let mut command = std::process::Command::new("timeout");
    let output = command.args(["60", "sh", "-c", &script]).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("captured="), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}
