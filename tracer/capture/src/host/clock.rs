//! The kernel's boot clock and the calendar.

use std::fs;
use std::sync::LazyLock;

use egret_model::Timestamp;
use nix::time::{ClockId, clock_gettime};

const NANOS: i64 = 1_000_000_000;

/// How often the two clocks are read together. Each reading takes some 50 ns.
const READINGS: usize = 5;

/// The time of boot, on the wall clock as it is set now. The calendar time of a `CLOCK_BOOTTIME` timestamp is the
/// sum of both.
///
/// The result changes when the wall clock is set, so call this again from time to time.
///
/// Two clocks cannot be read at once, and the result is wrong by the time between them, in which the thread may be
/// preempted. Of a few readings, the one that took least counts.
#[must_use]
pub fn boot_time() -> Timestamp {
    let readings = (0..READINGS).map(|_| {
        let before = since_boot();
        let wall = nanoseconds(ClockId::CLOCK_REALTIME);
        let took = since_boot().saturating_sub(before);
        (took, wall.saturating_sub(before).saturating_sub(took / 2))
    });
    Timestamp(readings.min_by_key(|(took, _)| *took).map_or(0, |(_, boot)| boot))
}

/// The time on the kernel's boot clock, nanoseconds.
#[must_use]
pub fn boot_now() -> u64 {
    u64::try_from(since_boot()).unwrap_or(0)
}

/// How far the boot clock of this process is ahead of the kernel's, nanoseconds: a time namespace
/// (time_namespaces(7)) sets it. The start times of processes in `/proc` are ahead by as much.
pub(super) fn boot_offset() -> i64 {
    static OFFSET: LazyLock<i64> = LazyLock::new(|| {
        let namespace = |name: &str| fs::read_link(format!("/proc/self/ns/{name}")).ok();
        // The file has the offsets of the namespace of children.
        let own = namespace("time").filter(|own| namespace("time_for_children").as_ref() == Some(own));
        own.and_then(|_| fs::read_to_string("/proc/self/timens_offsets").ok())
            .and_then(|text| offset(&text))
            .unwrap_or(0)
    });
    *OFFSET
}

fn offset(text: &str) -> Option<i64> {
    let mut numbers = text.lines().find_map(|line| line.strip_prefix("boottime"))?.split_ascii_whitespace();
    let mut number = || numbers.next()?.parse::<i64>().ok();
    Some(number()?.saturating_mul(NANOS).saturating_add(number()?))
}

/// The kernel's boot clock, nanoseconds.
fn since_boot() -> i64 {
    nanoseconds(ClockId::CLOCK_BOOTTIME).saturating_sub(boot_offset())
}

/// The time on a clock; zero if the kernel does not have it. All supported kernels do.
fn nanoseconds(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| time.tv_sec().saturating_mul(NANOS).saturating_add(time.tv_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_a_time_namespace_are_read() {
        assert_eq!(
            offset("monotonic           0         0\nboottime    -1000000       500\n"),
            Some(-1_000_000 * NANOS + 500)
        );
        assert_eq!(offset("monotonic 0 0\n"), None);
    }

    #[test]
    fn boot_time_agrees_with_the_kernel_to_the_second() {
        let from_kernel = fs::read_to_string("/proc/stat").unwrap();
        let seconds: i64 =
            from_kernel.lines().find_map(|line| line.strip_prefix("btime ")).unwrap().trim().parse().unwrap();
        assert!((boot_time().0 / NANOS - seconds).abs() <= 1);
    }
}
