//! Asking the thread that drains the rings who a process is, and what it asked for: only there is that known, and only once
//! everything was read that happened before.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use egret_capture::Capture;
use egret_enforcer::judge::Identify;
use egret_model::{Event, Flow, Identity, Owner};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Questions that may wait at once. One lane asks, and waits for the answer; what is here was given up on.
const QUESTIONS: usize = 16;

/// Where questions are put, and answered.
#[derive(Debug)]
pub(crate) struct Witness {
    questions: Mutex<VecDeque<Question>>,
    asked: EventFd,
}

#[derive(Debug)]
struct Question {
    owner: Owner,
    peer: SocketAddr,
    answer: SyncSender<Identity>,
}

impl Witness {
    pub(crate) fn new() -> io::Result<Self> {
        let asked = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { questions: Mutex::default(), asked })
    }

    /// Readable while there are questions.
    pub(crate) fn asked(&self) -> BorrowedFd<'_> {
        self.asked.as_fd()
    }

    /// Answers all questions; what happened meanwhile is appended to `out`.
    pub(crate) fn answer(&self, capture: &mut Capture, out: &mut Vec<Event>) {
        // First, so that a question that comes meanwhile wakes this thread again.
        let _ = self.asked.read();
        while let Some(Question { owner, peer, answer }) = self.next() {
            let identity = capture.identify(&owner, peer.ip(), out);
            let inbound = capture.spoke_first(&owner, peer);
            // Who asked may have stopped waiting.
            let _ = answer.try_send(Identity { inbound, ..identity });
        }
    }

    fn next(&self) -> Option<Question> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Identify for Witness {
    fn identify(&self, owner: &Owner, flow: &Flow, within: Duration) -> Option<Identity> {
        let (answer, answered) = sync_channel(1);
        {
            let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
            if questions.len() >= QUESTIONS {
                questions.pop_front();
            }
            questions.push_back(Question { owner: *owner, peer: flow.peer, answer });
        }
        self.asked.write(1).ok()?;
        answered.recv_timeout(within).ok()
    }
}
