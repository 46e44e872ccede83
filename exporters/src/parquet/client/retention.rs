//! Retention: removes the oldest files beyond the limits of age and size.
//!
//! Only files of this host with the names of [`crate::parquet::layout`] are counted and removed.

use std::collections::BTreeMap;
use std::time::Duration;

use egret_model::Timestamp;
use futures_util::TryStreamExt as _;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use super::Store;
use crate::parquet::config::Settings;
use crate::parquet::layout::{Hour, LogFile};

#[derive(Clone, Copy, Debug)]
struct Limits {
    age: Option<Duration>,
    /// The most that a period without data adds to the age, and again for each day with data after it.
    gap: Duration,
    bytes: Option<u64>,
}

/// The files of a host, as bytes by hour: some 200 KB for a year, independent of the number of files.
#[derive(Debug)]
pub(crate) struct Retention {
    host: String,
    limits: Limits,
    hours: BTreeMap<Hour, u64>,
    /// The highest sequence number so far.
    last_sequence: u64,
}

const HOURS_A_DAY: u64 = 24;

/// The percentage of the maximum age, but at least an hour, the resolution of the age of files, or half of the age where that is
/// less.
fn gap(age: Duration, percent: u8) -> Duration {
    let share = age.saturating_mul(u32::from(percent)) / 100;
    share.max(Duration::from_secs(3600).min(age / 2))
}

/// How many files of an hour are removed.
#[derive(Clone, Copy, Debug)]
enum Amount {
    All,
    /// At least so many bytes.
    Bytes(u64),
    /// At least so many bytes, but not the newest file.
    BytesButNewest(u64),
}

impl Amount {
    const fn bytes(self) -> u64 {
        match self {
            Self::All => u64::MAX,
            Self::Bytes(bytes) | Self::BytesButNewest(bytes) => bytes,
        }
    }

    /// The number of newest files that are kept.
    const fn kept(self) -> usize {
        match self {
            Self::All | Self::Bytes(_) => 0,
            Self::BytesButNewest(_) => 1,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Retention {
    pub(crate) fn new(settings: &Settings, host: String) -> Self {
        let age = settings.keep_for;
        let limits =
            Limits { age, gap: gap(age.unwrap_or_default(), settings.gap_percent), bytes: settings.keep_bytes };
        Self { host, limits, hours: BTreeMap::new(), last_sequence: 0 }
    }

    /// Lists the files in the store.
    pub(crate) async fn list(&mut self, store: &Store) -> object_store::Result<()> {
        let mut hours = BTreeMap::new();
        for (file, object) in self.files(store, "").await? {
            *hours.entry(file.hour).or_default() += object.size;
            self.last_sequence = self.last_sequence.max(file.sequence);
        }
        self.hours = hours;
        Ok(())
    }

    /// The path of the next file.
    pub(crate) fn next_file(&mut self, hour: Hour, now: Timestamp) -> LogFile {
        let now = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
        self.last_sequence = now.max(self.last_sequence.saturating_add(1));
        LogFile { hour, sequence: self.last_sequence, host: self.host.clone() }
    }

    /// Adds a finished file.
    pub(crate) fn add(&mut self, hour: Hour, bytes: u64) {
        *self.hours.entry(hour).or_default() += bytes;
    }

    /// Removes files beyond the maximum age, then the oldest ones beyond the maximum size. The newest file is kept.
    pub(crate) async fn remove_old(&mut self, store: &Store, now: Timestamp) -> object_store::Result<Removed> {
        let mut removed = Removed::default();
        let expired = self.newest_expired(now);
        while let Some(hour) = self.hours.keys().next().copied() {
            let before = removed;
            if expired.is_some_and(|expired| hour <= expired) {
                self.remove(store, hour, Amount::All, &mut removed).await?;
            } else if let Some(excess) = self.excess() {
                let amount = if self.hours.len() > 1 { Amount::Bytes(excess) } else { Amount::BytesButNewest(excess) };
                self.remove(store, hour, amount, &mut removed).await?;
            }
            if removed == before {
                break;
            }
        }
        Ok(removed)
    }

    /// The newest hour whose events are all beyond the maximum age.
    ///
    /// The wall clock alone does not decide: it may be wrong by weeks, and removed files do not come back when it is corrected. An
    /// hour with data adds its length to the age. A period without data, which is all that a wrong clock can add, adds at most
    /// [`Limits::gap`], and more with every day of data after it.
    fn newest_expired(&self, now: Timestamp) -> Option<Hour> {
        let max_age = u64::try_from(self.limits.age?.as_nanos()).unwrap_or(u64::MAX);
        let gap = u64::try_from(self.limits.gap.as_nanos()).unwrap_or(u64::MAX);
        let (mut age, mut later, mut counted) = (0_u64, now, 0_u64);
        for hour in self.hours.range(..=Hour::from(now)).rev().map(|(hour, _)| *hour) {
            let max_gap = gap.saturating_add((gap / HOURS_A_DAY).saturating_mul(counted));
            age = age.saturating_add(later.since(hour.end()).min(max_gap));
            if age >= max_age {
                return Some(hour);
            }
            age = age.saturating_add(later.min(hour.end()).since(hour.begin()));
            (later, counted) = (hour.begin(), counted + 1);
        }
        None
    }

    /// Bytes beyond the maximum size.
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
        let target = removed.bytes.saturating_add(amount.bytes());
        let removable = files.len().saturating_sub(amount.kept());
        for (_, object) in files.iter().take(removable) {
            if removed.bytes >= target {
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

    /// The files of this host in a directory of the log.
    async fn files(&self, store: &Store, directory: &str) -> object_store::Result<Vec<(LogFile, ObjectMeta)>> {
        let prefix = store.prefix_of(directory);
        let objects = store.objects.list(prefix.as_ref());
        let own = objects.try_filter_map(async |object| {
            let file = LogFile::parse(object.location.as_ref()).filter(|file| file.host == self.host);
            Ok(file.map(|file| (file, object)))
        });
        own.try_collect().await
    }
}
