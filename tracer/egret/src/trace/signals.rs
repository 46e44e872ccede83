//! Signals, read from a descriptor (signalfd).

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Stop(Signal),
    /// The state of the command may have changed.
    ChildChanged,
}

pub(super) struct Signals {
    descriptor: SignalFd,
    /// The signal mask from before.
    before: SigSet,
}

const STOPPING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

impl Signals {
    /// Blocks the signals for this thread and threads that it starts, and opens a descriptor for them.
    pub(super) fn block() -> nix::Result<Self> {
        let mut set = SigSet::empty();
        STOPPING.into_iter().chain([Signal::SIGCHLD]).for_each(|signal| set.add(signal));
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let descriptor = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { descriptor, before })
    }

    /// Runs `work` with the original signal mask, which a child inherits: otherwise Ctrl-C could not stop the child. A signal
    /// in this moment ends egret at once, which leaves nothing behind in the kernel.
    pub(super) fn released<T>(&self, work: impl FnOnce() -> T) -> nix::Result<T> {
        let blocked = self.before.thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let done = work();
        blocked.thread_set_mask()?;
        Ok(done)
    }

    /// The next request, if there is one.
    pub(super) fn next(&self) -> Option<Request> {
        let info = self.descriptor.read_signal().ok()??;
        let signal = i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())?;
        Some(if signal == Signal::SIGCHLD { Request::ChildChanged } else { Request::Stop(signal) })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
