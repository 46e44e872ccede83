//! Traffic at a rate.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::workload::{self, Workload};

/// What the traffic is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Storm {
    /// TCP connections, opened, accepted and reset.
    Connect,
    /// Datagrams to a peer that is new to the kernel side.
    NewPeer,
}

impl Storm {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "TCP connect, accept, reset",
            Self::NewPeer => "UDP, every datagram to a new peer",
        }
    }

    fn make(self) -> Result<Box<dyn Workload>> {
        match self {
            Self::Connect => workload::connections(),
            Self::NewPeer => workload::new_peers(),
        }
    }
}

/// Pause of a thread that is ahead of its rate: the ring must hold bursts of this length.
const PAUSE: Duration = Duration::from_micros(500);

/// Operations between two readings of the clock.
const BATCH: u64 = 16;

/// Makes traffic for a time; returns the number of operations and the duration.
pub(crate) fn generate(storm: Storm, rate: Option<u32>, threads: usize, duration: Duration) -> Result<(u64, Duration)> {
    let begin = Instant::now();
    let share = rate.map(|rate| f64::from(rate) / threads as f64);
    let counts = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| paced(storm, share, begin + duration))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a generator broke down"))?)
            .collect::<Result<Vec<u64>>>()
    })?;
    Ok((counts.into_iter().sum(), begin.elapsed()))
}

/// One thread's share: tokens accrue with time, and a batch takes one for each operation.
fn paced(storm: Storm, rate: Option<f64>, end: Instant) -> Result<u64> {
    let mut workload = storm.make()?;
    let (begin, mut done) = (Instant::now(), 0);
    while Instant::now() < end {
        if rate.is_some_and(|rate| done as f64 >= rate * begin.elapsed().as_secs_f64()) {
            thread::sleep(PAUSE);
            continue;
        }
        workload.run(BATCH)?;
        done += BATCH;
    }
    Ok(done)
}
