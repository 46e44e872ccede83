//! What the service manager is told: <https://www.freedesktop.org/software/systemd/man/sd_notify.html>.
//!
//! Without one, which is to say without `NOTIFY_SOCKET` in the environment, nothing is told to nobody.

use std::time::Duration;

use sd_notify::NotifyState;

/// A little more time than draining may take, for what comes before and after it.
const MARGIN: Duration = Duration::from_secs(5);

/// egret does its work.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// egret reads its configuration again, until [`ready`].
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "cannot read the clock"),
    }
}

/// egret ends, and may take this long.
pub(super) fn stopping(drain_for: Duration) {
    let limit = u32::try_from((drain_for + MARGIN).as_micros()).unwrap_or(u32::MAX);
    let status = NotifyState::Status("Draining sinks");
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(limit), status]);
}

/// egret is well.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Within which time the service manager wants to hear that.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
