//! Handing events to sinks: as fast as they take them, or at a rate.

use std::thread;
use std::time::{Duration, Instant};

use egret_exporters::sink::{Batch, Sender};

use super::population::Population;

/// Events in a batch: what the daemon drains from the kernel's ring at once under load.
pub(crate) const BATCH: usize = 4096;

/// Pause until a queue may have capacity again: a fraction of the time in which a fast sink empties it.
const BREATH: Duration = Duration::from_micros(200);

/// Batches of synthetic events, about `events` in all. 350 bytes each: a million takes 350 MB.
pub(crate) fn batches(events: usize) -> Vec<Batch> {
    let mut population = Population::new(1);
    (0..events.div_ceil(BATCH)).map(|_| population.take(BATCH).into()).collect()
}

/// Offers every batch once every queue has capacity for it.
pub(crate) fn saturate<'a>(senders: &[&'a Sender], batches: impl IntoIterator<Item = &'a Batch>) {
    for batch in batches {
        while senders.iter().any(|sender| sender.room() < batch.len()) {
            thread::sleep(BREATH);
        }
        senders.iter().for_each(|sender| sender.offer(batch));
    }
}

/// Offers batches at this rate, whether or not they are dropped.
pub(crate) fn pace<'a>(senders: &[&'a Sender], batches: impl IntoIterator<Item = &'a Batch>, rate: f64) {
    let begin = Instant::now();
    let mut offered = 0.0;
    for batch in batches {
        let due = Duration::from_secs_f64(offered / rate);
        thread::sleep(due.saturating_sub(begin.elapsed()));
        senders.iter().for_each(|sender| sender.offer(batch));
        offered += batch.len() as f64;
    }
}
