//! The accounts of all sinks, including sinks that were replaced.

use std::sync::{Mutex, MutexGuard, PoisonError};

use egret_exporters::sink::{Account, Ledger, SpoolState};
use egret_model::snapshot::SinkState;

/// Accounts in the order of the first start of each sink. Counts continue when a sink is replaced.
#[derive(Debug, Default)]
pub(super) struct Accounts(Mutex<Vec<SinkAccount>>);

#[derive(Debug)]
struct SinkAccount {
    ledger: Ledger,
    /// Ledgers of replaced sinks of this name. The last one may not have ended yet.
    before: Vec<Ledger>,
    past: Account,
    past_spool: SpoolState,
}

impl Accounts {
    /// Adds the account of a sink, which replaces an earlier sink of the same name.
    pub(super) fn open(&self, ledger: Ledger) {
        let mut all = self.lock();
        match all.iter_mut().find(|sink| sink.ledger.sink() == ledger.sink()) {
            Some(sink) => sink.replace(ledger),
            None => all.push(SinkAccount {
                ledger,
                before: Vec::new(),
                past: Account::default(),
                past_spool: SpoolState::default(),
            }),
        }
    }

    pub(super) fn states(&self) -> Vec<SinkState> {
        self.lock().iter().map(SinkAccount::state).collect()
    }

    /// Counts unsent events as dropped at the end of the drain time.
    pub(super) fn abandon(&self) {
        self.lock().iter().flat_map(|sink| sink.before.iter().chain([&sink.ledger])).for_each(Ledger::abandon);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SinkAccount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SinkAccount {
    fn replace(&mut self, ledger: Ledger) {
        // A sink is replaced only after earlier ones have ended.
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
    use egret_model::sample;

    use super::*;

    #[test]
    fn counts_continue_when_a_sink_is_replaced() {
        let accounts = Accounts::default();
        let batch = Batch::from(vec![sample::event(); 3]);
        for _ in 0..4 {
            let (sender, mut receiver) = queue("test", 2);
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
