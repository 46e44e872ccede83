//! Tells the service manager that egret is well, while it is.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::notify;
use super::pulse::Pulse;

/// Tells it at half of the time within which it wants to hear so, unless the capture thread has stood still for that
/// long. A thread that hangs would otherwise look like a quiet host.
pub(super) async fn watch(limit: Duration, pulse: Arc<Pulse>) {
    let half = limit / 2;
    // The kernel's timers count in milliseconds.
    let mut ticks = interval(half.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if pulse.is_felt(half) {
            notify::alive();
        } else {
            tracing::error!("the rings were not drained for a while; the watchdog is not told that all is well");
        }
    }
}
