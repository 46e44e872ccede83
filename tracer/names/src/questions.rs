//! Pending DNS questions: the beginning of look-ups, and the check that an answer belongs to a question.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::dns::Question;
use crate::fair::FairTable;
use crate::{ProcessImage, Segment};
use egret_model::Timestamp;

/// Maximum number of sockets with questions.
const SOCKETS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Maximum number of questions of a socket, 48 bytes each: at most 0.8 MB for all sockets.
const QUESTIONS: usize = 16;
/// Timeout of a look-up: resolvers stop after it (glibc: 2 attempts of 5 s with each of 3 servers).
const TIMEOUT: Duration = Duration::from_secs(30);

/// The questions of all sockets.
pub(crate) struct Questions {
    sockets: FairTable<SocketQuestions>,
    /// Randomly keyed, so that names with equal hashes cannot be crafted.
    hasher: RandomState,
}

#[derive(Default)]
struct SocketQuestions {
    pending: VecDeque<Pending>,
    /// Questions were evicted: an answer without a matching question may still be valid.
    incomplete: bool,
}

struct Pending {
    id: u16,
    name: u64,
    asked: Timestamp,
    process: Option<ProcessImage>,
    answered: bool,
}

/// The origin of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A question of this process.
    Question { asked: Timestamp, process: Option<ProcessImage> },
    /// The questions of this socket were not seen, or not all.
    Unknown,
    /// None of the socket's questions, all of which were seen: the answer is not trusted.
    Unsolicited,
}

impl Questions {
    pub(crate) fn new() -> Self {
        Self { sockets: FairTable::new(SOCKETS), hasher: RandomState::new() }
    }

    /// Adds a question. A retransmitted one keeps its time, since which the process has waited.
    pub(crate) fn add(&mut self, segment: &Segment<'_>, question: &Question) {
        let Segment { cookie, process, time, .. } = *segment;
        let name = self.hasher.hash_one(&question.name);
        if !self.sockets.contains(cookie) {
            self.sockets.insert(cookie, segment.user, SocketQuestions::default());
        }
        let Some(socket) = self.sockets.get_mut(cookie) else { return };
        let same = |pending: &Pending| pending.is(question.id, name) && !pending.answered && pending.is_awaited(time);
        if socket.pending.iter().any(same) {
            return;
        }
        if socket.pending.len() >= QUESTIONS {
            socket.evict(time);
        }
        socket.pending.push_back(Pending { id: question.id, name, asked: time, process, answered: false });
    }

    /// The origin of an answer. A question may have several answers, one from each server.
    pub(crate) fn origin(&mut self, cookie: u64, question: &Question, time: Timestamp) -> Origin {
        let name = self.hasher.hash_one(&question.name);
        let Some(socket) = self.sockets.get_mut(cookie) else { return Origin::Unknown };
        let matches = |pending: &&mut Pending| pending.is(question.id, name) && pending.is_awaited(time);
        match socket.pending.iter_mut().rev().find(matches) {
            Some(pending) => {
                pending.answered = true;
                Origin::Question { asked: pending.asked, process: pending.process }
            }
            None if socket.incomplete => Origin::Unknown,
            None => Origin::Unsolicited,
        }
    }

    pub(crate) fn shift(&mut self, step: i64) {
        for pending in self.sockets.values_mut().flat_map(|socket| &mut socket.pending) {
            pending.asked = pending.asked.shifted(step);
        }
    }

    pub(crate) fn remove(&mut self, cookie: u64) {
        self.sockets.remove(cookie);
    }
}

impl SocketQuestions {
    /// Evicts an answered question, else the oldest.
    fn evict(&mut self, time: Timestamp) {
        let index = self.pending.iter().position(|pending| pending.answered).unwrap_or(0);
        let evicted = self.pending.remove(index);
        self.incomplete |= evicted.is_some_and(|pending| !pending.answered && pending.is_awaited(time));
    }
}

impl Pending {
    const fn is(&self, id: u16, name: u64) -> bool {
        self.id == id && self.name == name
    }

    fn is_awaited(&self, time: Timestamp) -> bool {
        u128::from(time.since(self.asked)) <= TIMEOUT.as_nanos()
    }
}
