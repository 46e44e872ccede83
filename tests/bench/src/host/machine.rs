//! Origin of a result.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::thread;

/// The machine, and the measured build.
#[derive(Debug)]
pub(crate) struct Machine {
    kernel: String,
    cpu: String,
    pub(crate) cpus: usize,
    virtual_machine: bool,
    egret: String,
}

impl Machine {
    /// This machine, with this build of egret.
    pub(crate) fn describe(egret: &Path) -> Self {
        let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            cpu: field(&information, "model name").unwrap_or("unknown").to_owned(),
            cpus: thread::available_parallelism().map_or(1, NonZero::get),
            virtual_machine: field(&information, "flags")
                .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            egret: version(egret),
        }
    }

    /// In one line.
    pub(crate) fn to_line(&self) -> String {
        let kind = if self.virtual_machine { ", virtual machine" } else { "" };
        let Self { kernel, cpu, cpus, egret, .. } = self;
        format!("Linux {kernel}, {cpu}, {cpus} CPUs{kind}; {egret}")
    }
}

fn field<'a>(information: &'a str, name: &str) -> Option<&'a str> {
    let line = information.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// `egret VERSION (COMMIT)`.
fn version(egret: &Path) -> String {
    let said = output(Command::new(egret).arg("--version")).unwrap_or_else(|| "egret".to_owned());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    match output(Command::new("git").args(["-C", root, "rev-parse", "--short", "HEAD"])) {
        Some(commit) => format!("{said} ({commit})"),
        None => said,
    }
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
