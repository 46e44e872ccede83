//! Bounded queues that users share: a full queue evicts the latest item of the user with most of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A user; `None` for unknown ones.
pub(super) type User = Option<u32>;

/// An item that belongs to a user.
pub(super) trait OfUser {
    fn user(&self) -> User;
}

/// Adds to a queue of at most `capacity` items; returns the one that was evicted, which may be the new one.
pub(super) fn add<T: OfUser>(queue: &mut VecDeque<T>, capacity: usize, item: T) -> Option<T> {
    let displaced = if queue.len() < capacity { None } else { Some(latest_of_largest(queue, item.user())) };
    match displaced {
        Some(None) => Some(item),
        Some(Some(at)) => {
            let removed = queue.remove(at);
            queue.push_back(item);
            removed
        }
        None => {
            queue.push_back(item);
            None
        }
    }
}

/// Index of the latest item of the user with most of a queue, unless `user` has as many.
fn latest_of_largest<T: OfUser>(queue: &VecDeque<T>, user: User) -> Option<usize> {
    let mut counts: HashMap<User, usize> = HashMap::new();
    for item in queue {
        *counts.entry(item.user()).or_default() += 1;
    }
    let own = counts.get(&user).copied().unwrap_or(0);
    let (user, _) = counts.into_iter().filter(|(_, count)| *count > own).max_by_key(|(_, count)| *count)?;
    queue.iter().rposition(|item| item.user() == user)
}

/// A queue between threads, which serves users in turns.
pub(super) struct Inbox<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    /// Users in the order in which they were served, the last at the end.
    turns: VecDeque<User>,
    is_closed: bool,
}

/// The next item of an inbox.
pub(super) enum Next<T> {
    Item(T),
    Nothing,
    Closed,
}

impl<T: OfUser> Inbox<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), turns: VecDeque::new(), is_closed: false };
        Self { capacity, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item; returns the one that was evicted.
    pub(super) fn send(&self, item: T) -> Option<T> {
        let displaced = add(&mut self.lock().items, self.capacity, item);
        self.changed.notify_one();
        displaced
    }

    /// The next item, without blocking. Items that were added before the inbox was closed are still returned.
    pub(super) fn try_next(&self) -> Next<T> {
        let mut state = self.lock();
        match state.next() {
            Some(item) => Next::Item(item),
            None if state.is_closed => Next::Closed,
            None => Next::Nothing,
        }
    }

    /// The next item; `None` once the inbox is closed and empty.
    pub(super) fn next(&self) -> Option<T> {
        let is_idle = |state: &mut State<T>| state.items.is_empty() && !state.is_closed;
        let state = self.changed.wait_while(self.lock(), is_idle);
        state.unwrap_or_else(PoisonError::into_inner).next()
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }
}

impl<T: OfUser> State<T> {
    /// The oldest item of the user who was served longest ago, or never.
    fn next(&mut self) -> Option<T> {
        let at = next_of(&self.items, &mut self.turns)?;
        self.items.remove(at)
    }
}

/// Index of the oldest item of the next user, who is then served again after all others.
pub(super) fn next_of<T: OfUser>(items: &VecDeque<T>, turns: &mut VecDeque<User>) -> Option<usize> {
    // Users and their oldest items; at most as many as there are items.
    let mut waiting: HashMap<User, usize> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        waiting.entry(item.user()).or_insert(at);
    }
    turns.retain(|user| waiting.contains_key(user));
    let newcomer = waiting.iter().filter(|(user, _)| !turns.contains(user)).min_by_key(|(_, at)| **at);
    let user = newcomer.map(|(user, _)| *user).or_else(|| turns.front().copied())?;
    turns.retain(|other| *other != user);
    turns.push_back(user);
    waiting.get(&user).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Item(User, u32);

    impl OfUser for Item {
        fn user(&self) -> User {
            self.0
        }
    }

    #[test]
    fn full_queue_evicts_the_latest_item_of_the_user_with_most() {
        let mut queue = VecDeque::new();
        for number in 0..4 {
            assert_eq!(add(&mut queue, 4, Item(Some(1), number)), None);
        }
        assert_eq!(add(&mut queue, 4, Item(Some(1), 9)), Some(Item(Some(1), 9)));
        assert_eq!(add(&mut queue, 4, Item(Some(0), 10)), Some(Item(Some(1), 3)));
        assert_eq!(add(&mut queue, 4, Item(None, 11)), Some(Item(Some(1), 2)));
        assert_eq!(add(&mut queue, 4, Item(Some(0), 12)), Some(Item(Some(1), 1)));
        assert_eq!(add(&mut queue, 4, Item(Some(0), 13)), Some(Item(Some(0), 13)));
    }

    #[test]
    fn users_are_served_by_turns() {
        let inbox = Inbox::new(10);
        for item in [Item(Some(1), 0), Item(Some(1), 1), Item(Some(1), 2), Item(Some(2), 3), Item(None, 4)] {
            assert_eq!(inbox.send(item), None);
        }
        let mut numbers = Vec::new();
        for _ in 0..2 {
            numbers.extend(inbox.next().map(|item| item.1));
        }
        assert_eq!(inbox.send(Item(Some(3), 5)), None);
        inbox.close();
        while let Next::Item(item) = inbox.try_next() {
            numbers.push(item.1);
        }
        assert_eq!(numbers, [0, 3, 4, 5, 1, 2]);
        assert!(matches!(inbox.try_next(), Next::Closed));
        assert_eq!(inbox.next(), None);
    }
}
