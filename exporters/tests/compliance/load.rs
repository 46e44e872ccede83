//! Distinguishable events, and a thread that checks the account all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use egret_exporters::sink::{self, Account, Batch};
use egret_model::{
    Attribution, Cgroup, ConnectionId, Endpoint, Event, EventName, Executable, Layer, Process, Timestamp, Transport,
};

/// Events in a batch.
pub(crate) const BATCH: u64 = 500;
/// Interval between two checks of the account.
const LOOK: Duration = Duration::from_micros(100);

/// Batches of events with the numbers from `first` on; `count` is a multiple of [`BATCH`].
pub(crate) fn batches(first: u64, count: u64) -> Vec<Batch> {
    let process = Arc::new(process());
    let batch = |from: u64| (from..from + BATCH).map(|number| event(number, &process)).collect::<Vec<_>>().into();
    (first..first + count).step_by(usize::try_from(BATCH).unwrap()).map(batch).collect()
}

/// The close of a connection, which every sink reports. Its number is in its connection's id.
fn event(number: u64, process: &Arc<Process>) -> Event {
    let id = ConnectionId { socket: number, opened: 1 };
    let time = Timestamp(1_700_000_000_000_000_000 + i64::try_from(number).unwrap() * 1_000);
    Event {
        process: Some(Arc::clone(process)),
        attribution: Attribution::Cookie,
        transport: Some(Transport::Tcp),
        local: Endpoint { address: Some([10, 0, 0, 5].into()), port: Some(50_000), interface: None },
        peer: Endpoint { address: Some([192, 0, 2, 1].into()), port: Some(443), interface: None },
        connect_duration_ns: Some(1_000),
        connection_duration_ns: Some(2_000_000),
        bytes_sent: Some(number),
        bytes_received: Some(10),
        ..Event::new(EventName::ConnectionClose, time, id, Layer::Sockets)
    }
}

fn process() -> Process {
    let executable = Executable {
        path: Some("/usr/bin/curl".into()),
        args: ["curl", "https://example.org/"].map(Into::into).into(),
        ..Executable::default()
    };
    Process {
        pid: 4_242,
        start_time: Some(Timestamp(1_600_000_000_000_000_000)),
        parent_pid: Some(1),
        executable: Arc::new(executable),
        uid: Some(1_000),
        user: Some("alice".into()),
        cgroup: Some(Arc::new(Cgroup { unit: Some("work.service".into()), ..Cgroup::default() })),
    }
}

/// Checks an account continuously: it balances at all times, and counters never decrease.
pub(crate) struct Auditor {
    done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Auditor {
    pub(crate) fn start(ledger: sink::Ledger) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&done);
        let thread = thread::spawn(move || {
            let mut before = Account::default();
            loop {
                // Read before the check, so that the last check is after the end.
                let done = until.load(Ordering::Acquire);
                before = audit(before, ledger.account());
                if done {
                    break;
                }
                thread::sleep(LOOK);
            }
        });
        Self { done, thread }
    }

    /// Checks once more, and ends.
    pub(crate) fn finish(self) {
        self.done.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

fn audit(before: Account, now: Account) -> Account {
    assert_eq!(now.enqueued, now.sent + now.dropped.total() + now.queued, "{now:?}");
    assert!(before.enqueued <= now.enqueued && before.sent <= now.sent, "{before:?} became {now:?}");
    for ((reason, then), (_, count)) in before.dropped.iter().zip(now.dropped.iter()) {
        assert!(then <= count, "{reason:?}: {before:?} became {now:?}");
    }
    now
}
