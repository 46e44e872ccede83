//! The memory limit, and what egret does near it.
//!
//! The limit is that of the control group (`memory.max`, set by `MemoryMax=`). The kernel kills a process above it, so near
//! the limit queues have only an eighth of their capacity, and dropped events are counted.
//!
//! Without a limit as well, memory that a burst of traffic needed goes back to the system: the C library keeps what is
//! freed below something that is still in use, in an arena of each thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egret_capture::host::find_cgroup2;
use egret_capture::trim_memory;
use egret_config::Settings;
use egret_enforcer::baseline::{Bounds, MOST_TRIED};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::fan_out::FanOut;

/// Interval of checks. At 30,000 connections a second, some 20 MB of events arrive in it.
const INTERVAL: Duration = Duration::from_millis(500);
/// Interval at which unused memory is returned. Walking the free memory after a burst takes some milliseconds.
const TRIM_INTERVAL: Duration = Duration::from_secs(30);
/// Percent of the limit at which memory becomes short, and below which it has recovered.
const PRESSURE: u64 = 85;
const RECOVERED: u64 = 75;

const MIB: u64 = 1 << 20;
/// Bytes for BPF programs and maps, threads, and tables of processes, sockets and names.
const FIXED: u64 = 56 * MIB;
/// Bytes of an event, a row of an open row group, a rule with its index entry, an address with a name.
const EVENT: u64 = 350;
const ROW: u64 = 160;
const RULE: u64 = 1500;
const ADDRESS: u64 = 350;

/// Most rules that learning may make, including `tried` ones.
fn most_rules(bounds: Bounds) -> usize {
    bounds.rules.saturating_add(bounds.rules.min(MOST_TRIED))
}

/// Bytes that egret needs with these settings when all queues and tables are full.
fn needed(settings: &Settings) -> u64 {
    let bytes = |count: usize, each: u64| u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(each);
    let queues = [
        settings.parquet.as_ref().map(|parquet| parquet.queue_events),
        settings.otlp.as_ref().map(|otlp| otlp.queue_events),
        settings.json.as_ref().map(|json| json.queue_events),
        settings.metrics.as_ref().map(|metrics| metrics.prometheus.queue_events),
        settings.baseline.as_ref().map(|baseline| baseline.queue_events),
    ];
    // Queues share events, so only the longest counts.
    let longest = queues.into_iter().flatten().max().unwrap_or_default();
    let parts = [
        FIXED,
        u64::from(settings.capture.ring_size),
        bytes(longest, EVENT),
        settings.parquet.as_ref().map_or(0, |parquet| bytes(parquet.row_group_rows, ROW)),
        settings.baseline.as_ref().map_or(0, |baseline| bytes(most_rules(baseline.bounds()), RULE)),
        settings.names.as_ref().map_or(0, |names| bytes(names.addresses, ADDRESS)),
    ];
    parts.into_iter().fold(0, u64::saturating_add)
}

/// Warns if the limit is lower than needed.
pub(super) fn check(settings: &Settings) {
    let needed_mib = needed(settings).div_ceil(MIB);
    let Some(limit) = Group::of_this_process().and_then(|group| group.limit()) else {
        tracing::debug!(needed_mib, "memory");
        return;
    };
    let limit_mib = limit / MIB;
    if limit_mib < needed_mib {
        tracing::warn!(
            limit_mib,
            needed_mib,
            "the memory limit is lower than this configuration may need: near the limit events are dropped and counted, \
             and the kernel may kill egret; raise MemoryMax, or lower queue_events, parquet.row_group_rows or baseline.rules"
        );
    }
}

/// Reduces the capacity of queues while memory is short. Ends at once without a limit.
pub(super) async fn watch(fan_out: Arc<FanOut>) {
    let Some(group) = Group::of_this_process().filter(|group| group.limit().is_some()) else { return };
    let mut is_short = false;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some((limit, used)) = group.limit().zip(group.used()) else { continue };
        let bound = limit / 100 * if is_short { RECOVERED } else { PRESSURE };
        if (used >= bound) == is_short {
            continue;
        }
        is_short = !is_short;
        fan_out.set_pressure(is_short);
        let (used_mib, limit_mib) = (used / MIB, limit / MIB);
        if is_short {
            trim_memory();
            tracing::warn!(used_mib, limit_mib, "memory is short: queues are reduced to an eighth of their capacity");
        } else {
            tracing::info!(used_mib, limit_mib, "memory has recovered");
        }
    }
}

/// Returns unused memory to the system from time to time.
pub(super) async fn trim() {
    let mut ticks = interval(TRIM_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // The other worker serves meanwhile. A task that fails panicked, which cannot be mended here.
        let _ = spawn_blocking(trim_memory).await;
    }
}

/// A control group (v2) and its ancestors without the root.
struct Group {
    directories: Vec<PathBuf>,
}

impl Group {
    fn of_this_process() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let own = find_cgroup2()?.join(path);
        let levels = Path::new(path).components().count();
        Some(Self { directories: own.ancestors().take(levels).map(Path::to_owned).collect() })
    }

    /// The lowest limit of the group and its ancestors.
    fn limit(&self) -> Option<u64> {
        self.directories.iter().filter_map(|directory| number(&directory.join("memory.max"))).min()
    }

    /// Memory in use without inactive page cache, which the kernel can reclaim.
    fn used(&self) -> Option<u64> {
        let own = self.directories.first()?;
        let stat = fs::read_to_string(own.join("memory.stat")).ok()?;
        let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok()).unwrap_or(0);
        number(&own.join("memory.current")).map(|used| used.saturating_sub(cache))
    }
}

/// `None` also for `max`.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
