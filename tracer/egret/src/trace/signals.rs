//! Signals, read from a descriptor like everything else that the main thread waits for.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// End, cleanly.
    Stop(Signal),
    /// Look after the command.
    ChildChanged,
}

/// The signals that egret takes as wishes.
pub(super) struct Signals {
    descriptor: SignalFd,
    /// What was blocked before.
    before: SigSet,
}

const STOPPING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

impl Signals {
    /// Takes them over for the calling thread and those that it starts from now on.
    pub(super) fn block() -> nix::Result<Self> {
        let mut set = SigSet::empty();
        STOPPING.into_iter().chain([Signal::SIGCHLD]).for_each(|signal| set.add(signal));
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let descriptor = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { descriptor, before })
    }

    /// Does something with signals as they were before. A child inherits what is blocked: one that is started
    /// otherwise could not be stopped with Ctrl-C. A signal that comes just then ends egret at once; nothing of it
    /// stays behind in the kernel.
    pub(super) fn released<T>(&self, work: impl FnOnce() -> T) -> nix::Result<T> {
        let blocked = self.before.thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let done = work();
        blocked.thread_set_mask()?;
        Ok(done)
    }

    /// The next wish, if there is one.
    pub(super) fn next(&self) -> Option<Wish> {
        let info = self.descriptor.read_signal().ok()??;
        let signal = i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())?;
        Some(if signal == Signal::SIGCHLD { Wish::ChildChanged } else { Wish::Stop(signal) })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
