//! The accounts of all sinks, also of those that were started anew meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};

use egret_exporters::sink::{Account, Ledger, SpoolState};
use egret_model::snapshot::SinkState;

/// The sinks' accounts, in the order in which the sinks were first started. Counts go on where a sink is replaced.
#[derive(Debug, Default)]
pub(super) struct Accounts(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    ledger: Ledger,
    /// Of sinks of this name before, the last of which may still have something in hand.
    before: Vec<Ledger>,
    past: Account,
    past_spool: SpoolState,
}

impl Accounts {
    /// Takes the account of a sink in, as the follower of one with its name.
    pub(super) fn open(&self, ledger: Ledger) {
        let mut all = self.lock();
        match all.iter_mut().find(|kept| kept.ledger.sink() == ledger.sink()) {
            Some(kept) => kept.follow(ledger),
            None => all.push(Kept {
                ledger,
                before: Vec::new(),
                past: Account::default(),
                past_spool: SpoolState::default(),
            }),
        }
    }

    /// The state of each.
    pub(super) fn states(&self) -> Vec<SinkState> {
        self.lock().iter().map(Kept::state).collect()
    }

    /// Counts as dropped whatever is not sent yet: the time to drain is over.
    pub(super) fn abandon(&self) {
        self.lock().iter().flat_map(|kept| kept.before.iter().chain([&kept.ledger])).for_each(Ledger::abandon);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn follow(&mut self, ledger: Ledger) {
        // A sink is replaced once the one before has ended.
        for ended in self.before.drain(..) {
            self.past += ended.account();
            if let Some(spool) = ended.spool_state() {
                self.past_spool = spool.after(&self.past_spool);
            }
        }
        self.before.push(std::mem::replace(&mut self.ledger, ledger));
    }

    fn state(&self) -> SinkState {
        let mut account = self.past;
        self.before.iter().chain([&self.ledger]).for_each(|ledger| account += ledger.account());
        let ended = self.before.iter().filter_map(Ledger::spool_state);
        let past = ended.fold(self.past_spool.clone(), |past, spool| spool.after(&past));
        let spool = self.ledger.spool_state().map(|spool| spool.after(&past));
        SinkState { name: self.ledger.sink(), capacity: self.ledger.capacity(), account, spool }
    }
}

#[cfg(test)]
mod tests {
    use egret_exporters::sink::{Batch, queue};

    use super::*;
    use crate::sample;

    #[test]
    fn counts_go_on_where_a_sink_is_replaced() {
        let accounts = Accounts::default();
        let batch = Batch::from(vec![sample::event(); 3]);
        for _ in 0..4 {
            let (sender, mut receiver) = queue("trial", 2);
            accounts.open(sender.ledger().clone());
            sender.offer(&batch);
            let _ = receiver.try_next();
            receiver.sent(1);
        }
        let states = accounts.states();
        assert_eq!(states.len(), 1);
        let account = states[0].account;
        assert_eq!((account.enqueued, account.sent, account.dropped.total(), account.queued), (12, 4, 8, 0));
    }
}
