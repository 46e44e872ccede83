//! What memory egret may take, and what is done when it is nearly used up.
//!
//! The limit is that of its control group (`memory.max`, as `MemoryMax=` sets it). Whoever goes beyond is killed, so egret
//! gives up what it can before: queues have an eighth of their room, and what they drop is counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egret_capture::host::find_cgroup2;
use egret_capture::trim_memory;
use egret_config::Settings;
use egret_enforcer::baseline::{Bounds, MOST_TRIED};
use tokio::time::{MissedTickBehavior, interval};

use super::fan_out::FanOut;

/// How often it is looked at. A storm of 30,000 connections a second makes some 20 MB of events in that time.
const INTERVAL: Duration = Duration::from_millis(500);
/// Shares of the limit, in percent, from which on memory is short and below which it no longer is.
const SHORT: u64 = 85;
const ENOUGH: u64 = 75;

const MIB: u64 = 1 << 20;
/// Programs, the kernel's tables, threads, and what is remembered of processes, sockets and names of peers.
const FIXED: u64 = 56 * MIB;
/// An event, a row that waits for its row group, a rule with its place in the index, an address with a name.
const EVENT: u64 = 350;
const ROW: u64 = 160;
const RULE: u64 = 1500;
const ADDRESS: u64 = 350;

/// Rules that learning may make, with those of flows that only failed.
fn most_rules(bounds: Bounds) -> usize {
    bounds.rules.saturating_add(bounds.rules.min(MOST_TRIED))
}

/// Bytes that egret needs with these settings while everything is full.
fn needed(settings: &Settings) -> u64 {
    let bytes = |count: usize, each: u64| u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(each);
    let queues = [
        settings.parquet.as_ref().map(|parquet| parquet.queue_events),
        settings.otlp.as_ref().map(|otlp| otlp.queue_events),
        settings.json.as_ref().map(|json| json.queue_events),
        settings.metrics.as_ref().map(|metrics| metrics.prometheus.queue_events),
        settings.baseline.as_ref().map(|baseline| baseline.queue_events),
    ];
    // Queues share events: the longest holds those of all others.
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

/// Says what is needed, and warns where there is less.
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
            "the memory limit is less than this configuration may need: events will be dropped and counted when it is short, \
             and the kernel may end egret; raise MemoryMax, or lower queue_events, parquet.row_group_rows or baseline.rules"
        );
    }
}

/// Has queues give up room while memory is short; ends at once where there is no limit.
pub(super) async fn watch(fan_out: Arc<FanOut>) {
    let Some(group) = Group::of_this_process().filter(|group| group.limit().is_some()) else { return };
    let mut is_short = false;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some((limit, used)) = group.limit().zip(group.used()) else { continue };
        let bound = limit / 100 * if is_short { ENOUGH } else { SHORT };
        if (used >= bound) == is_short {
            continue;
        }
        is_short = !is_short;
        fan_out.press(is_short);
        let (used_mib, limit_mib) = (used / MIB, limit / MIB);
        if is_short {
            trim_memory();
            tracing::warn!(used_mib, limit_mib, "memory is short: queues have an eighth of their room");
        } else {
            tracing::info!(used_mib, limit_mib, "there is enough memory again");
        }
    }
}

/// A control group (v2), from the root's child down.
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

    /// The least limit of the group and those that it is in.
    fn limit(&self) -> Option<u64> {
        self.directories.iter().filter_map(|directory| number(&directory.join("memory.max"))).min()
    }

    /// What the group takes and cannot give back: the cache of files that nobody uses is no trouble.
    fn used(&self) -> Option<u64> {
        let own = self.directories.first()?;
        let stat = fs::read_to_string(own.join("memory.stat")).ok()?;
        let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok()).unwrap_or(0);
        number(&own.join("memory.current")).map(|used| used.saturating_sub(cache))
    }
}

/// `None` as well for `max`.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
