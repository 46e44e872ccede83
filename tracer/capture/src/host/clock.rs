//! From the kernel's clock to the calendar.

use egret_model::Timestamp;
use nix::time::{ClockId, clock_gettime};

const NANOS: i64 = 1_000_000_000;

/// How often the two clocks are read together. Each takes some 50 ns.
const READINGS: usize = 5;

/// When the machine was booted, on the wall clock as it is set now.
///
/// A moment that the kernel stamped with `CLOCK_BOOTTIME` is this plus the stamp. The answer moves when the
/// wall clock is set, so ask once in a while rather than once.
///
/// Two clocks cannot be read at once, and a thread that is put aside between them is wrong by as long as that lasts: of a
/// few readings, the quickest counts.
#[must_use]
pub fn boot_time() -> Timestamp {
    let readings = (0..READINGS).map(|_| {
        let before = nanoseconds(ClockId::CLOCK_BOOTTIME);
        let wall = nanoseconds(ClockId::CLOCK_REALTIME);
        let took = nanoseconds(ClockId::CLOCK_BOOTTIME).saturating_sub(before);
        (took, wall.saturating_sub(before).saturating_sub(took / 2))
    });
    Timestamp(readings.min_by_key(|(took, _)| *took).map_or(0, |(_, boot)| boot))
}

/// Now on the kernel's boot clock, nanoseconds.
#[must_use]
pub fn boot_now() -> u64 {
    u64::try_from(nanoseconds(ClockId::CLOCK_BOOTTIME)).unwrap_or(0)
}

/// A clock's reading; zero if the kernel has no such clock, which no supported one does.
fn nanoseconds(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| time.tv_sec().saturating_mul(NANOS).saturating_add(time.tv_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_kernel_to_the_second() {
        let from_kernel = std::fs::read_to_string("/proc/stat").unwrap();
        let seconds: i64 =
            from_kernel.lines().find_map(|line| line.strip_prefix("btime ")).unwrap().trim().parse().unwrap();
        assert!((boot_time().0 / NANOS - seconds).abs() <= 1);
    }
}
