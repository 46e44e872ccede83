//! Test doubles for the services that the packet path calls.

use std::error::Error;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use egret_enforcer::evaluate::{Audit, Digest, FindOwner, Grant, Identify};
use egret_model::{Attribution, Evaluation, Executable, Flow, Identity, Owner, Process, ProcessId, Verdict};
use egret_tests::until;

/// A gate that blocks threads while it is closed. It opens when its guard is dropped.
#[derive(Debug, Default)]
pub(crate) struct Door {
    is_closed: Mutex<bool>,
    changed: Condvar,
}

impl Door {
    pub(crate) fn close(&self) -> Closed<'_> {
        *self.is_closed.lock().unwrap() = true;
        Closed(self)
    }

    pub(crate) fn pass(&self) {
        drop(self.changed.wait_while(self.is_closed.lock().unwrap(), |closed| *closed).unwrap());
    }
}

/// Keeps a gate closed.
pub(crate) struct Closed<'a>(&'a Door);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        *self.0.is_closed.lock().unwrap() = false;
        self.0.changed.notify_all();
    }
}

/// The processes of a test: the program that talks to port N is `/bin/pN`, run by `tester`.
#[derive(Debug, Default)]
pub(crate) struct Fakes {
    /// Look-ups of owners wait at this gate.
    pub(crate) finding: Door,
    /// Computations of digests wait at this gate.
    pub(crate) digesting: Door,
    /// No owner is found.
    pub(crate) has_no_owner: AtomicBool,
    /// Duration of a search.
    pub(crate) search_ms: AtomicU64,
    /// The ports of the programs that a search returns.
    pub(crate) candidates: Mutex<Vec<u16>>,
    /// The process id of every owner, unless zero.
    pub(crate) pid: AtomicU64,
    /// Processes are identified too late.
    pub(crate) is_late: AtomicBool,
    /// Identifications of processes so far.
    pub(crate) identified: AtomicU64,
    /// Searches for an owner so far.
    pub(crate) searched: AtomicU64,
    pub(crate) recorded: Mutex<Vec<Recorded>>,
    /// Held packets with their deadlines.
    pub(crate) held: Mutex<Vec<(Owner, Flow, Instant)>>,
    pub(crate) granted: Mutex<Vec<(Owner, Flow, u32)>>,
    pub(crate) revoked: AtomicU64,
}

/// One recorded verdict.
type Recorded = (Option<Owner>, Option<Flow>, Verdict, Arc<Evaluation>);

/// The digest of every program of a test.
pub(crate) const DIGEST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

pub(crate) struct Finder(pub(crate) Arc<Fakes>);

/// The program of a port, as process `pid` unless that is zero.
fn owner(pid: u32, port: u16, attribution: Attribution) -> Owner {
    let process = ProcessId {
        pid: if pid == 0 { 4_000_000 + u32::from(port) } else { pid },
        uid: 1000,
        start_ns: 1,
        exec_id: port.into(),
        cgroup_id: 1,
        parent_pid: 1,
    };
    Owner { process, cookie: 7, attribution, inbound: false }
}

impl FindOwner for Finder {
    fn find(&mut self, flow: &Flow) -> Option<Owner> {
        self.0.finding.pass();
        let pid = u32::try_from(self.0.pid.load(Ordering::Relaxed)).unwrap();
        let owner = owner(pid, flow.peer.port(), Attribution::Tuple);
        (!self.0.has_no_owner.load(Ordering::Relaxed)).then_some(owner)
    }

    fn candidates(&mut self, _: &Flow, _: Instant) -> Vec<Owner> {
        self.0.searched.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(self.0.search_ms.load(Ordering::Relaxed)));
        self.0.candidates.lock().unwrap().iter().map(|port| owner(0, *port, Attribution::Procfs)).collect()
    }

    fn is_inbound(&mut self, _: &Flow) -> bool {
        false
    }
}

impl Identify for Fakes {
    fn identify(&self, owner: &Owner, _: &Flow, within: Duration) -> Option<Identity> {
        self.identified.fetch_add(1, Ordering::Relaxed);
        if self.is_late.load(Ordering::Relaxed) {
            thread::sleep(within);
            return None;
        }
        let executable =
            Executable { path: Some(format!("/bin/p{}", owner.process.exec_id).into()), ..Executable::default() };
        let process = Process {
            pid: owner.process.pid,
            start_time: None,
            parent_pid: None,
            executable: executable.into(),
            uid: Some(1000),
            user: Some("tester".into()),
            cgroup: None,
        };
        Some(Identity { process: Some(process.into()), ..Identity::default() })
    }
}

impl Grant for Fakes {
    fn grant(&self, owner: &Owner, flow: &Flow, mark: u32, _: Duration) {
        self.granted.lock().unwrap().push((*owner, *flow, mark));
    }

    fn revoke(&self) {
        self.revoked.fetch_add(1, Ordering::Relaxed);
    }

    fn set_policy(&self, _: bool, _: u32, _: u32) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

impl Audit for Fakes {
    fn record(&self, owner: Option<&Owner>, flow: Option<&Flow>, verdict: Verdict, evaluation: &Arc<Evaluation>) {
        self.recorded.lock().unwrap().push((owner.copied(), flow.copied(), verdict, Arc::clone(evaluation)));
    }

    fn held(&self, owner: &Owner, flow: &Flow, until: Instant) {
        self.held.lock().unwrap().push((*owner, *flow, until));
    }
}

pub(crate) struct Digester(pub(crate) Arc<Fakes>);

impl Digest for Digester {
    fn order(&self, process: &Arc<Process>, done: Box<dyn FnOnce() + Send>) -> bool {
        let (fakes, process) = (Arc::clone(&self.0), Arc::clone(process));
        thread::spawn(move || {
            fakes.digesting.pass();
            let _ = process.executable.sha256.set(Some(DIGEST.into()));
            done();
        });
        true
    }
}

impl Fakes {
    /// The verdicts on flows to an address, in order, once there are `count`.
    pub(crate) fn evaluations(&self, to: IpAddr, count: usize) -> Vec<(Verdict, Arc<Evaluation>)> {
        let is_meant = |recorded: &&Recorded| recorded.1.is_some_and(|flow| flow.peer.ip() == to);
        let recorded = || self.recorded.lock().unwrap().iter().filter(is_meant).cloned().collect::<Vec<_>>();
        let recorded = until("evaluations", || Some(recorded()).filter(|recorded| recorded.len() >= count));
        assert_eq!(recorded.len(), count);
        recorded.into_iter().map(|(_, _, verdict, evaluation)| (verdict, evaluation)).collect()
    }
}
