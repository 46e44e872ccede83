//! The files that are there already, and how long they stay.
//!
//! Only files of this host, named as [`super::layout`] says, are ever counted or removed: what somebody else put there
//! is theirs.

use std::collections::BTreeMap;
use std::time::Duration;

use egret_model::Timestamp;
use futures_util::TryStreamExt as _;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use super::layout::{Hour, Place};
use super::settings::Settings;
use super::store::Store;

/// What is kept at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    age: Option<Duration>,
    /// What a time without data counts at most, and again for each day with data after it.
    gap: Duration,
    bytes: Option<u64>,
}

/// Bytes by hour: some 200 KB for a year, however many files there are.
#[derive(Debug)]
pub(super) struct Shelf {
    host: String,
    limits: Limits,
    hours: BTreeMap<Hour, u64>,
    /// The highest number that a file has.
    last: u64,
}

const HOURS_A_DAY: u64 = 24;

/// This share of the age that files reach, and an hour at least, since files are known by their hours; half of the age where
/// that is less.
fn gap(age: Duration, percent: u8) -> Duration {
    let share = age.saturating_mul(u32::from(percent)) / 100;
    share.max(Duration::from_secs(3600).min(age / 2))
}

/// How much of an hour goes.
#[derive(Clone, Copy, Debug)]
enum Amount {
    All,
    /// So many bytes at least.
    Bytes(u64),
    /// So many bytes at least, but not the youngest file.
    BytesButOne(u64),
}

impl Amount {
    const fn bytes(self) -> u64 {
        match self {
            Self::All => u64::MAX,
            Self::Bytes(bytes) | Self::BytesButOne(bytes) => bytes,
        }
    }

    const fn spared(self) -> usize {
        match self {
            Self::All | Self::Bytes(_) => 0,
            Self::BytesButOne(_) => 1,
        }
    }
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Removed {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Shelf {
    pub(super) fn new(settings: &Settings, host: String) -> Self {
        let age = settings.keep_for;
        let limits =
            Limits { age, gap: gap(age.unwrap_or_default(), settings.gap_percent), bytes: settings.keep_bytes };
        Self { host, limits, hours: BTreeMap::new(), last: 0 }
    }

    /// Sees what is there.
    pub(super) async fn survey(&mut self, store: &Store) -> object_store::Result<()> {
        let mut hours = BTreeMap::new();
        for (place, object) in self.files(store, "").await? {
            *hours.entry(place.hour).or_default() += object.size;
            self.last = self.last.max(place.sequence);
        }
        self.hours = hours;
        Ok(())
    }

    /// The place of the next file.
    pub(super) fn next(&mut self, hour: Hour, now: Timestamp) -> Place {
        let now = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
        self.last = now.max(self.last.saturating_add(1));
        Place { hour, sequence: self.last, host: self.host.clone() }
    }

    /// A file was put there.
    pub(super) fn add(&mut self, hour: Hour, bytes: u64) {
        *self.hours.entry(hour).or_default() += bytes;
    }

    /// Removes what is too old, and then the oldest files while all together are too large; the youngest stays.
    pub(super) async fn tidy(&mut self, store: &Store, now: Timestamp) -> object_store::Result<Removed> {
        let mut removed = Removed::default();
        let old = self.youngest_old(now);
        while let Some(hour) = self.hours.keys().next().copied() {
            let before = removed;
            if old.is_some_and(|old| hour <= old) {
                self.remove(store, hour, Amount::All, &mut removed).await?;
            } else if let Some(excess) = self.excess() {
                let amount = if self.hours.len() > 1 { Amount::Bytes(excess) } else { Amount::BytesButOne(excess) };
                self.remove(store, hour, amount, &mut removed).await?;
            }
            if removed == before {
                break;
            }
        }
        Ok(removed)
    }

    /// The youngest hour whose events are all older than what is kept.
    ///
    /// The wall clock alone does not say so: it may be wrong by weeks, and what it removes does not come back when it is put
    /// right. Hours with data are as long as they are; a time without data, which is all that a wrong clock can add, counts
    /// no more than [`Limits::gap`], and is believed more with every day of data after it.
    fn youngest_old(&self, now: Timestamp) -> Option<Hour> {
        let most = u64::try_from(self.limits.age?.as_nanos()).unwrap_or(u64::MAX);
        let gap = u64::try_from(self.limits.gap.as_nanos()).unwrap_or(u64::MAX);
        let (mut age, mut later, mut counted) = (0_u64, now, 0_u64);
        for hour in self.hours.range(..=Hour::of(now)).rev().map(|(hour, _)| *hour) {
            let believed = gap.saturating_add((gap / HOURS_A_DAY).saturating_mul(counted));
            age = age.saturating_add(later.since(hour.end()).min(believed));
            if age >= most {
                return Some(hour);
            }
            age = age.saturating_add(later.min(hour.end()).since(hour.begin()));
            (later, counted) = (hour.begin(), counted + 1);
        }
        None
    }

    /// Bytes beyond what is kept.
    fn excess(&self) -> Option<u64> {
        let excess = self.hours.values().sum::<u64>().saturating_sub(self.limits.bytes?);
        Some(excess).filter(|excess| *excess > 0)
    }

    /// Removes the oldest files of an hour.
    async fn remove(
        &mut self,
        store: &Store,
        hour: Hour,
        amount: Amount,
        removed: &mut Removed,
    ) -> object_store::Result<()> {
        let mut files = self.files(store, &hour.to_string()).await?;
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut left: u64 = files.iter().map(|(_, object)| object.size).sum();
        let enough = removed.bytes.saturating_add(amount.bytes());
        let going = files.len().saturating_sub(amount.spared());
        for (_, object) in files.iter().take(going) {
            if removed.bytes >= enough {
                break;
            }
            store.objects.delete(&object.location).await?;
            removed.files += 1;
            removed.bytes = removed.bytes.saturating_add(object.size);
            left = left.saturating_sub(object.size);
        }
        self.hours.insert(hour, left);
        if left == 0 {
            self.hours.remove(&hour);
        }
        Ok(())
    }

    /// The files of this host below a directory of the log.
    async fn files(&self, store: &Store, directory: &str) -> object_store::Result<Vec<(Place, ObjectMeta)>> {
        let prefix = store.below(directory);
        let objects = store.objects.list(prefix.as_ref());
        let own = objects.try_filter_map(async |object| {
            let place = Place::parse(object.location.as_ref()).filter(|place| place.host == self.host);
            Ok(place.map(|place| (place, object)))
        });
        own.try_collect().await
    }
}
