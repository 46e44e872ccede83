//! Signals of the daemon.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use egret_view::exit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Drain and end; the second time, end at once.
    Stop,
    Reload,
}

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Handles the signals of the process. Must be called within a runtime.
    pub(super) fn take() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next request. Safe to cancel.
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.hang_up.recv() => Request::Reload,
        }
    }

    pub(super) async fn stop(&mut self) {
        while self.next().await != Request::Stop {}
    }
}

/// Ends the process at the second request to stop. Used during the start, when nothing is captured or in force yet.
pub(super) async fn exit_at_second_stop() {
    let Ok(mut signals) = Signals::take() else { return };
    for _ in 0..2 {
        signals.stop().await;
    }
    tracing::warn!("stopped during the start");
    std::process::exit(exit::FAILED.into());
}
