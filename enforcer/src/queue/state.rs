//! The state of the packet path.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use egret_model::{Attribution, Reason, Verdict};

use super::counts::{Counts, Latency, get};

/// The state of the packet path. Counts are since it was started, and only grow.
#[derive(Clone, Debug, Default)]
pub struct QueueState {
    /// The queues: the fast paths', and the slow path's behind them.
    pub queues: Vec<QueueLength>,
    /// Verdicts, by what they were and why; only those that occurred.
    pub verdicts: Vec<(Verdict, Reason, u64)>,
    /// How the processes of evaluated packets were found; only ways that occurred.
    pub attributions: Vec<(Attribution, u64)>,
    /// How long verdicts took, from the moment that the worker which gave them had the packet.
    pub latency: Latency,
    /// Verdicts by what was remembered of an earlier one.
    pub hits: u64,
    /// Packets that a fast path gave to the slow one.
    pub deferred: u64,
    /// Packets that were held for a digest or an answer.
    pub parked: u64,
    /// Packets whose owner was not searched for, because searches had used up their budget.
    pub unsearched: u64,
    /// Packets that are held now.
    pub parked_now: u64,
    /// Verdicts for want of knowing enough in time.
    pub late: u64,
    /// Verdicts that the kernel would not take.
    pub refused: u64,
}

/// How a queue is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueLength {
    /// Its number.
    pub number: u16,
    /// Packets without a verdict.
    pub length: u32,
    /// How many may wait.
    pub capacity: u32,
    /// Packets that the kernel dropped because the queue was full.
    pub dropped_full: u64,
    /// Packets that the kernel dropped because the socket's buffer was full.
    pub dropped_user: u64,
    /// Packets that were not handed over for want of room: dropped where failures close, let through unseen where they
    /// open. Those that were dropped are among the above too.
    pub missing: u64,
    /// Why its worker ended before it was stopped. The kernel treats its packets as those of a queue that nobody reads.
    pub failed: Option<WorkerFailure>,
}

/// Why a worker ended before it was stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkerFailure {
    /// Its queue can no longer be read.
    #[error("{0}")]
    Queue(String),
    /// It panicked.
    #[error("a worker panicked: {0}")]
    Panic(String),
}

impl QueueLength {
    /// Packets that found no room, each once. Which of the two kernel counts shows in [`Self::missing`] as well depends on the
    /// kernel.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.missing.max(self.dropped_full + self.dropped_user)
    }
}

impl QueueState {
    /// Adds the counts of a worker.
    pub(super) fn add(&mut self, counts: &Counts) {
        for (verdict, reason, count) in counts.verdicts().filter(|(_, _, count)| *count > 0) {
            self.late += if reason == Reason::Late { count } else { 0 };
            self.add_verdicts(verdict, reason, count);
        }
        for (attribution, count) in counts.attributions().filter(|(_, count)| *count > 0) {
            self.add_attributions(attribution, count);
        }
        counts.add_latency(&mut self.latency);
        self.hits += get(&counts.hits);
        self.deferred += get(&counts.deferred);
        self.parked += get(&counts.parked);
        self.unsearched += get(&counts.unsearched);
        self.refused += get(&counts.refused);
    }

    pub(super) fn add_verdicts(&mut self, verdict: Verdict, reason: Reason, count: u64) {
        match self.verdicts.iter_mut().find(|known| (known.0, known.1) == (verdict, reason)) {
            Some(known) => known.2 += count,
            None => self.verdicts.push((verdict, reason, count)),
        }
    }

    pub(super) fn add_attributions(&mut self, attribution: Attribution, count: u64) {
        match self.attributions.iter_mut().find(|known| known.0 == attribution) {
            Some(known) => known.1 += count,
            None => self.attributions.push((attribution, count)),
        }
    }

    /// Packets that found no room in any queue, each once.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.queues.iter().map(QueueLength::unread).sum()
    }

    /// Verdicts of a kind, for whatever reason.
    #[must_use]
    pub fn verdicts_of(&self, verdict: Verdict) -> u64 {
        self.verdicts.iter().filter(|counted| counted.0 == verdict).map(|counted| counted.2).sum()
    }
}

/// The kernel's table of queues, of the network namespace in which it was opened.
#[derive(Debug)]
pub(super) struct Table(File);

/// Bytes of the table that are read: rows have about 50, and there are at most as many queues as anybody has workers.
const TABLE: usize = 16 * 1024;

impl Table {
    pub(super) fn open() -> io::Result<Self> {
        File::open("/proc/thread-self/net/netfilter/nfnetlink_queue").map(Self)
    }

    /// Fills in what the kernel says of queues.
    pub(super) fn read(&self, queues: &mut [QueueLength]) -> io::Result<()> {
        let mut text = Vec::new();
        while text.len() < TABLE {
            let mut part = [0; 4096];
            let offset = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let length = self.0.read_at(&mut part, offset)?;
            match part.get(..length) {
                Some(part) if !part.is_empty() => text.extend_from_slice(part),
                _ => break,
            }
        }
        fill(queues, &String::from_utf8_lossy(&text));
        Ok(())
    }
}

/// `seq_show` in `net/netfilter/nfnetlink_queue.c`: number, port, length, copy mode, copy range, dropped because the queue was
/// full, dropped because the buffer was full, last packet's number, 1.
fn fill(queues: &mut [QueueLength], table: &str) {
    for line in table.lines() {
        let columns: Vec<u64> = line.split_whitespace().filter_map(|column| column.parse().ok()).collect();
        let [number, _, length, _, _, full, user, ..] = columns[..] else { continue };
        if let Some(queue) = queues.iter_mut().find(|queue| u64::from(queue.number) == number) {
            queue.length = u32::try_from(length).unwrap_or(u32::MAX);
            (queue.dropped_full, queue.dropped_user) = (full, user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_row_is_found_by_number() {
        let queue = |number| QueueLength { number, ..QueueLength::default() };
        let mut queues = [queue(10), queue(11)];
        let table = "    1  4242     7 2   128     3     4        1  1\n   10 3187672064   12 2   128     5     6      99  1\nodd\n";
        fill(&mut queues, table);
        assert_eq!(queues[0], QueueLength { length: 12, dropped_full: 5, dropped_user: 6, ..queue(10) });
        assert_eq!(queues[1], queue(11));
    }
}
