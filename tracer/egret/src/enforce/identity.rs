//! Requests to the capture thread to identify a process and its peer. Only that thread can, and only after it has read all
//! earlier records.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use egret_capture::Capture;
use egret_enforcer::evaluate::Identify;
use egret_model::{Event, Flow, Identity, Owner};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Most pending requests. Only the slow path makes requests, and it waits for each: older ones have timed out.
const MAX_REQUESTS: usize = 16;

#[derive(Debug)]
pub(crate) struct IdentityRequests {
    requests: Mutex<VecDeque<Request>>,
    wake: EventFd,
}

#[derive(Debug)]
struct Request {
    owner: Owner,
    peer: SocketAddr,
    answer: SyncSender<Identity>,
}

impl IdentityRequests {
    pub(crate) fn new() -> io::Result<Self> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { requests: Mutex::default(), wake })
    }

    /// A descriptor that is readable while requests are pending.
    pub(crate) fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Answers all requests. Events that are read for this are appended to `out`.
    pub(crate) fn answer(&self, capture: &mut Capture, out: &mut Vec<Event>) {
        // First, so that a new request wakes this thread again.
        let _ = self.wake.read();
        while let Some(Request { owner, peer, answer }) = self.next() {
            let identity = capture.identify(&owner, peer.ip(), out);
            let inbound = capture.spoke_first(&owner, peer);
            // The slow path may have stopped waiting.
            let _ = answer.try_send(Identity { inbound, ..identity });
        }
    }

    fn next(&self) -> Option<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Identify for IdentityRequests {
    fn identify(&self, owner: &Owner, flow: &Flow, within: Duration) -> Option<Identity> {
        let (answer, answered) = sync_channel(1);
        {
            let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            if requests.len() >= MAX_REQUESTS {
                requests.pop_front();
            }
            requests.push_back(Request { owner: *owner, peer: flow.peer, answer });
        }
        self.wake.write(1).ok()?;
        answered.recv_timeout(within).ok()
    }
}
