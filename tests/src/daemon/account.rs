//! Account of a sink's events.

use std::collections::BTreeMap;

use serde_json::Value;

/// Account of a sink's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkAccount {
    /// Events offered to it.
    pub enqueued: u64,
    /// Events that its destination accepted.
    pub sent: u64,
    /// Events dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Events in its queue.
    pub queued: u64,
}

impl SinkAccount {
    /// Events dropped for any reason.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.dropped.values().sum()
    }

    pub(super) fn read(value: &Value) -> Self {
        let count = |name: &str| value[name].as_u64().unwrap_or_else(|| panic!("no {name} in {value}"));
        let dropped = value["dropped"].as_object().unwrap_or_else(|| panic!("no dropped in {value}"));
        let dropped = dropped.iter().map(|(why, count)| (why.clone(), count.as_u64().unwrap_or_default()));
        let account = Self {
            enqueued: count("enqueued"),
            sent: count("sent"),
            dropped: dropped.collect(),
            queued: count("queued"),
        };
        assert_eq!(account.enqueued, account.sent + account.lost() + account.queued, "{value}");
        account
    }
}

/// Reads `sink=NAME enqueued=N sent=N dropped=N queued=N`.
pub(super) fn last_words(line: &str) -> Option<(String, [u64; 4])> {
    let mut words = line.strip_prefix("sink=")?.split(' ');
    let name = words.next()?.to_owned();
    let mut figure = |name: &str| {
        let word = words.next().and_then(|word| word.strip_prefix(name)?.strip_prefix('='));
        word.and_then(|number| number.parse::<u64>().ok()).unwrap_or_else(|| panic!("no {name} in {line:?}"))
    };
    let [enqueued, sent, dropped, queued] = ["enqueued", "sent", "dropped", "queued"].map(&mut figure);
    assert_eq!(enqueued, sent + dropped + queued, "{line}");
    Some((name, [enqueued, sent, dropped, queued]))
}
