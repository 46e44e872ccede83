//! Waits for sockets, and for the stop file.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const STOP: u64 = u64::MAX;
/// Once stopped, how long an open connection may stay silent before it is closed.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// An epoll instance that also watches the stop file.
pub(crate) struct Waiter<'a> {
    epoll: Epoll,
    stop: BorrowedFd<'a>,
    stopped: bool,
}

impl<'a> Waiter<'a> {
    pub(crate) fn new(stop: BorrowedFd<'a>) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("cannot make an epoll instance")?;
        epoll
            .add(stop, EpollEvent::new(EpollFlags::EPOLLIN, STOP))
            .context("cannot watch stdin, which must be a pipe")?;
        Ok(Self { epoll, stop, stopped: false })
    }

    /// Watches a socket; its events come with `token`.
    pub(crate) fn add(&self, socket: impl AsFd, token: usize, interest: EpollFlags) -> Result<()> {
        self.epoll.add(socket, EpollEvent::new(interest, token as u64)).context("cannot watch a socket")
    }

    /// Tokens of the ready sockets; `None` once stopped and all pending data was served.
    ///
    /// `open` is whether connections are open.
    pub(crate) fn wait(&mut self, open: bool) -> Result<Option<Vec<usize>>> {
        let mut events = [EpollEvent::empty(); 64];
        let count = match self.epoll.wait(&mut events, self.timeout(open)?) {
            Err(Errno::EINTR) => return Ok(Some(Vec::new())),
            other => other.context("cannot wait for sockets")?,
        };
        if count == 0 && self.stopped {
            return Ok(None);
        }
        let mut tokens = Vec::with_capacity(count);
        for event in events.iter().take(count) {
            match event.data() {
                STOP => self.stop()?,
                token => tokens.push(usize::try_from(token)?),
            }
        }
        Ok(Some(tokens))
    }

    fn stop(&mut self) -> Result<()> {
        self.stopped = true;
        self.epoll.delete(self.stop).context("cannot stop watching stdin")
    }

    fn timeout(&self, open: bool) -> Result<EpollTimeout> {
        Ok(match (self.stopped, open) {
            (false, _) => EpollTimeout::NONE,
            (true, false) => EpollTimeout::ZERO,
            (true, true) => EpollTimeout::try_from(LAST_WAIT).context("too long to wait")?,
        })
    }
}
