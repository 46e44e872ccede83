//! Metrics of egret's own process, by the names that Prometheus' client libraries have for them.

use std::fs;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::{SysconfVar, sysconf};

use crate::prometheus::encoder::Family;
use crate::prometheus::encoder::catalogue::{
    PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START, PROCESS_THREADS, PROCESS_VIRTUAL,
};

/// Fields of `/proc/self/stat`, see proc_pid_stat(5).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// User and system CPU time, in clock ticks.
    cpu: u64,
    threads: u64,
    /// Start time, in clock ticks after boot.
    start: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

/// Values that cannot be read have no sample.
pub(super) fn families() -> [Family; 7] {
    let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
    let stat = stat.as_ref();
    let ticks = variable(SysconfVar::CLK_TCK);
    let seconds = |count: u64| ticks.map(|ticks| count as f64 / ticks);
    let page = variable(SysconfVar::PAGE_SIZE);
    let boot = fs::read_to_string("/proc/stat").ok().and_then(|text| boot_time(&text));
    let start = stat.and_then(|stat| Some(boot? + seconds(stat.start)?.floor()));
    [
        Family::real(PROCESS_CPU, stat.and_then(|stat| seconds(stat.cpu))),
        Family::real(PROCESS_MAX_FDS, max_descriptors()),
        Family::real(PROCESS_OPEN_FDS, open_descriptors()),
        Family::real(PROCESS_RESIDENT, stat.and_then(|stat| Some(stat.resident_pages as f64 * page?))),
        Family::real(PROCESS_START, start),
        Family::real(PROCESS_THREADS, stat.map(|stat| stat.threads as f64)),
        Family::real(PROCESS_VIRTUAL, stat.map(|stat| stat.virtual_bytes as f64)),
    ]
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program may contain blanks and parentheses. Field 3 follows.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu: field(14)?.saturating_add(field(15)?),
            threads: field(20)?,
            start: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn variable(variable: SysconfVar) -> Option<f64> {
    sysconf(variable).ok().flatten().map(|value| value as f64)
}

/// The boot time, Unix time.
fn boot_time(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn max_descriptors() -> Option<f64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    (soft != RLIM_INFINITY).then_some(soft as f64)
}

/// Without the descriptor that lists them.
fn open_descriptors() -> Option<f64> {
    let listed = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(listed.saturating_sub(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_name_with_blanks_and_parentheses_is_parsed() {
        let fields: String = (3..=52).map(|number| format!(" {number}")).collect();
        let wanted = Stat { cpu: 29, threads: 20, start: 22, virtual_bytes: 23, resident_pages: 24 };
        assert_eq!(Stat::parse(&format!("1 (a) R 9 (b c){fields}\n")), Some(wanted));
        assert_eq!(Stat::parse("1 (a) 3 4"), None);
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000.0));
    }

    #[test]
    fn every_metric_has_a_sample() {
        assert!(families().into_iter().all(|family| family.finish().is_some()));
    }
}
