//! The two clocks: the boot clock decides, the calendar is for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use egret_model::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::mode::Now;

/// Nanoseconds on `CLOCK_BOOTTIME`, which goes on while the host sleeps and which nobody sets.
#[must_use]
pub fn boot_now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let nanoseconds = time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec);
    u64::try_from(nanoseconds).unwrap_or(0)
}

/// The calendar.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The present on both clocks.
#[must_use]
pub fn on_both() -> Now {
    Now { calendar: now(), boot: Duration::from_nanos(boot_now()) }
}
