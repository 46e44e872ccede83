//! Questions that wait for their answer: they say when a look-up began, and which answer is one.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::time::Duration;

use egret_model::Timestamp;
use lru::LruCache;

use crate::dns::Asked;

/// Sockets whose questions are remembered, the longest unused going first.
const SOCKETS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Questions remembered of one socket. At 32 bytes each, all together take at most 0.6 MB.
const QUESTIONS: usize = 16;
/// Resolvers ask for at most this long, as a whole (glibc: 2 attempts of 5 s at each of 3 servers).
const PATIENCE: Duration = Duration::from_secs(30);

/// The questions of all sockets.
pub(crate) struct Questions {
    sockets: LruCache<u64, Waiting>,
    /// Keyed with a secret, so that nobody can craft two names that are taken for one.
    hasher: RandomState,
}

#[derive(Default)]
struct Waiting {
    questions: VecDeque<Question>,
    /// Questions were dropped for want of room: an answer that matches none may still be one.
    incomplete: bool,
}

struct Question {
    id: u16,
    name: u64,
    asked: Timestamp,
    process: Option<u32>,
    answered: bool,
}

/// What is known of the question to an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was seen.
    Seen {
        /// When it left.
        asked: Timestamp,
        /// Who asked.
        process: Option<u32>,
    },
    /// No question of this socket was seen, or not all.
    Unseen,
    /// The questions of this socket were seen, and this was none of them.
    Unasked,
}

impl Questions {
    pub(crate) fn new() -> Self {
        Self { sockets: LruCache::new(SOCKETS), hasher: RandomState::new() }
    }

    /// Remembers a question. One that is repeated because no answer came keeps its time: that is since when its asker
    /// waits.
    pub(crate) fn add(&mut self, cookie: u64, asked: &Asked, process: Option<u32>, time: Timestamp) {
        let name = self.hasher.hash_one(&asked.name);
        let waiting = self.sockets.get_or_insert_mut(cookie, Waiting::default);
        let same = |question: &Question| question.is(asked.id, name) && !question.answered && question.is_awaited(time);
        if waiting.questions.iter().any(same) {
            return;
        }
        if waiting.questions.len() >= QUESTIONS {
            waiting.make_room(time);
        }
        waiting.questions.push_back(Question { id: asked.id, name, asked: time, process, answered: false });
    }

    /// Where an answer comes from. A question may be answered more than once: by each server that was asked.
    pub(crate) fn origin(&mut self, cookie: u64, asked: &Asked, time: Timestamp) -> Origin {
        let name = self.hasher.hash_one(&asked.name);
        let Some(waiting) = self.sockets.get_mut(&cookie) else { return Origin::Unseen };
        let fits = |question: &&mut Question| question.is(asked.id, name) && question.is_awaited(time);
        match waiting.questions.iter_mut().rev().find(fits) {
            Some(question) => {
                question.answered = true;
                Origin::Seen { asked: question.asked, process: question.process }
            }
            None if waiting.incomplete => Origin::Unseen,
            None => Origin::Unasked,
        }
    }

    pub(crate) fn shift(&mut self, step: i64) {
        for question in self.sockets.iter_mut().flat_map(|(_, waiting)| &mut waiting.questions) {
            question.asked = question.asked.shifted(step);
        }
    }

    pub(crate) fn forget(&mut self, cookie: u64) {
        self.sockets.pop(&cookie);
    }
}

impl Waiting {
    /// Drops a question that was answered, else the oldest.
    fn make_room(&mut self, time: Timestamp) {
        let at = self.questions.iter().position(|question| question.answered).unwrap_or(0);
        let dropped = self.questions.remove(at);
        self.incomplete |= dropped.is_some_and(|question| !question.answered && question.is_awaited(time));
    }
}

impl Question {
    const fn is(&self, id: u16, name: u64) -> bool {
        self.id == id && self.name == name
    }

    fn is_awaited(&self, time: Timestamp) -> bool {
        u128::from(time.since(self.asked)) <= PATIENCE.as_nanos()
    }
}
