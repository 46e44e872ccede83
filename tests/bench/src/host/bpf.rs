//! BPF programs and maps in the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use aya::programs::{ProgramType, loaded_programs};
use serde_json::Value;

/// A program of a process, with the kernel's statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) name: String,
    /// Machine code, bytes.
    pub(crate) jited_bytes: u64,
    /// Nanoseconds spent in it while statistics were on.
    pub(crate) run_time_ns: u64,
    /// Runs while statistics were on.
    pub(crate) runs: u64,
}

/// Programs by id.
pub(crate) type Hooks = BTreeMap<u64, Hook>;

/// The programs that a process holds.
pub(crate) fn hooks_of(pid: u32) -> Result<Hooks> {
    let held: BTreeSet<u64> = descriptors(pid)?.iter().filter_map(|text| number(text, "prog_id")).collect();
    let output = Command::new("bpftool")
        .args(["--json", "prog", "show"])
        .output()
        .context("cannot run bpftool (apt-get install bpftool)")?;
    if !output.status.success() {
        bail!("bpftool prog show failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let programs: Vec<Value> = serde_json::from_slice(&output.stdout).context("bpftool printed no JSON")?;
    let count = |program: &Value, key: &str| program.get(key).and_then(Value::as_u64).unwrap_or(0);
    Ok(programs
        .iter()
        .filter(|program| held.contains(&count(program, "id")))
        .map(|program| {
            let hook = Hook {
                name: program.get("name").and_then(Value::as_str).unwrap_or("?").to_owned(),
                jited_bytes: count(program, "bytes_jited"),
                run_time_ns: count(program, "run_time_ns"),
                runs: count(program, "run_cnt"),
            };
            (count(program, "id"), hook)
        })
        .collect())
}

/// Kernel memory of the maps, rings and programs of a process, bytes. Socket storage is not included.
pub(crate) fn kernel_memory(pid: u32) -> Result<u64> {
    let mut objects = BTreeMap::new();
    for text in descriptors(pid)? {
        for kind in ["map_id", "prog_id"] {
            if let (Some(id), Some(bytes)) = (number(&text, kind), number(&text, "memlock")) {
                objects.insert((kind, id), bytes);
            }
        }
    }
    Ok(objects.values().sum())
}

/// `/proc/PID/fdinfo` of each open descriptor.
fn descriptors(pid: u32) -> Result<Vec<String>> {
    let directory = format!("/proc/{pid}/fdinfo");
    let entries = fs::read_dir(&directory).with_context(|| format!("cannot read {directory}"))?;
    Ok(entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok()).collect())
}

fn number(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')?.trim().parse().ok())
}

/// The number of programs in the kernel of the types that tracers use, of all processes.
pub(crate) fn attached_programs() -> usize {
    loaded_programs()
        .filter_map(Result::ok)
        .filter(|program| TRACING.iter().any(|kind| program.program_type() == (*kind).into()))
        .count()
}

/// Types of programs that run when a program connects, sends or makes a system call.
const TRACING: [ProgramType; 8] = [
    ProgramType::CgroupSock,
    ProgramType::CgroupSockAddr,
    ProgramType::KProbe,
    ProgramType::PerfEvent,
    ProgramType::RawTracePoint,
    ProgramType::SockOps,
    ProgramType::TracePoint,
    ProgramType::Tracing,
];

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn number_is_found_by_its_complete_name() {
        let text = "pos:\t0\nmap_id:\t569\nmemlock:\t520\n";
        assert_eq!(number(text, "map_id"), Some(569));
        assert_eq!(number(text, "memlock"), Some(520));
        assert_eq!(number(text, "map"), None);
        assert_eq!(number(text, "prog_id"), None);
    }
}
