//! Values with the same syntax in the file and on the command line. Errors say what was expected.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use nix::unistd::{SysconfVar, sysconf};
use tracing_subscriber::EnvFilter;

/// The largest ring buffer of the kernel: its size is a 32-bit power of two.
const LARGEST_RING: u32 = 1 << 31;

/// The smallest page size of Linux, used if the page size is unknown.
const SMALLEST_PAGE: u32 = 4096;

/// A duration longer than zero, such as `1h30m`.
///
/// # Errors
///
/// What was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|_| "expected a time such as 10s, 5m or 1h30m".to_owned())?;
    let duration = Duration::try_from(duration).map_err(|_| "a time cannot be negative".to_owned())?;
    if duration.is_zero() { Err("expected a time longer than zero".to_owned()) } else { Ok(duration) }
}

/// The size of a ring buffer in bytes, such as `4MiB`.
///
/// # Errors
///
/// What was expected.
pub fn ring_bytes(text: &str) -> Result<u32, String> {
    let size: ByteSize = text.parse().map_err(|_| "expected a size such as 64KiB or 4MiB".to_owned())?;
    let page = page_bytes();
    u32::try_from(size.as_u64())
        .ok()
        .filter(|bytes| bytes.is_power_of_two() && (page..=LARGEST_RING).contains(bytes))
        .ok_or_else(|| format!("expected a power of two from {page} bytes, one page, to 2GiB"))
}

fn page_bytes() -> u32 {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    page.and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(SMALLEST_PAGE)
}

/// A filter of messages. Only ASCII is accepted: `tracing-subscriber` 0.3.23 panics on other characters.
#[must_use]
pub fn log_filter(text: &str) -> Option<EnvFilter> {
    text.is_ascii().then(|| EnvFilter::try_new(text).ok()).flatten()
}
