//! Notifies the service manager: <https://www.freedesktop.org/software/systemd/man/sd_notify.html>.
//!
//! Does nothing without `NOTIFY_SOCKET` in the environment.

use std::time::Duration;

use sd_notify::NotifyState;

/// Time for stopping in addition to the drain time.
const MARGIN: Duration = Duration::from_secs(5);

/// egret is ready.
pub(super) fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// egret reloads its configuration, until [`ready`].
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "cannot read the clock"),
    }
}

/// egret stops, and may take this long.
pub(super) fn stopping(drain_for: Duration) {
    let limit = u32::try_from((drain_for + MARGIN).as_micros()).unwrap_or(u32::MAX);
    let status = NotifyState::Status("Draining sinks");
    send(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(limit), status]);
}

/// The watchdog notification.
pub(super) fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// The time within which the service manager expects [`alive`].
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}
