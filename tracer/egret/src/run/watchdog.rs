//! Sends watchdog notifications while the capture thread works.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::heartbeat::Heartbeat;
use super::notify;

/// Notifies the service manager at half of its time limit, unless the capture thread had no heartbeat for that long. A stuck
/// thread would otherwise look like a quiet host.
pub(super) async fn watch(limit: Duration, heartbeat: Arc<Heartbeat>) {
    let half = limit / 2;
    // Timers have a resolution of milliseconds.
    let mut ticks = interval(half.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if heartbeat.has_beaten_within(half) {
            notify::alive();
        } else {
            tracing::error!("the ring buffers were not drained for a while; no watchdog notification");
        }
    }
}
