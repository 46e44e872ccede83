//! Resource usage of the daemon.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::Serialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Usage {
    pub(crate) resident_bytes: u64,
    /// CPU time since the start.
    pub(crate) cpu_seconds: f64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { resident_bytes: resident(&status).unwrap_or_default(), cpu_seconds: processor_seconds() }
    }
}

/// Parses `VmRSS` of `/proc/PID/status`, which is in KiB.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

fn processor_seconds() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0.0 };
    let milliseconds = (usage.user_time() + usage.system_time()).num_milliseconds();
    f64::from(u32::try_from(milliseconds).unwrap_or(u32::MAX)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn usage_of_this_process_is_not_zero() {
        assert!(Usage::now().resident_bytes > 100_000);
    }
}
