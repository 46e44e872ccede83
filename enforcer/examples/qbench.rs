//! bench
use egret_enforcer::{ask::Questions, judge::*, queue::*};
use egret_model::*;
use std::{sync::Arc, time::Duration};
struct F;
struct X;
impl FindOwner for F {
    fn find(&mut self, f: &Flow) -> Option<Owner> {
        Some(Owner {
            process: ProcessId {
                pid: 4000000,
                uid: 1,
                start_ns: 1,
                exec_id: u64::from(f.peer.port()),
                cgroup_id: 1,
                parent_pid: 1,
            },
            cookie: f.local.port().into(),
            attribution: Attribution::Tuple,
        })
    }
    fn search(&mut self, _: &Flow) -> Option<Owner> {
        None
    }
}
impl Identify for X {
    fn identify(&self, _: &Owner, _: &Flow, _: Duration) -> Option<Identity> {
        Some(Identity::default())
    }
}
impl Grant for X {
    fn grant(&self, _: &Owner, _: &Flow, _: u32, _: Duration) {}
    fn revoke(&self) {}
}
impl Audit for X {
    fn judged(&self, _: Option<&Owner>, _: Option<&Flow>, _: Verdict, _: &Arc<Judgement>) {}
}
impl Digest for X {
    fn digest(&mut self, _: &Process) -> Option<Sha256> {
        None
    }
}
fn main() {
    let count = std::env::args().nth(1).unwrap().parse().unwrap();
    let s = Sources {
        identify: Arc::new(X),
        grant: Arc::new(X),
        audit: Arc::new(X),
        digest: Box::new(X),
        questions: Arc::new(Questions::default()),
    };
    let mut exec = Policy::default();
    exec.mode = Mode::Learn;
    let baseline = egret_enforcer::baseline::parse("format 1\nallow * -> * * *\n").unwrap();
    exec.index = Arc::new(egret_enforcer::baseline::Index::of(&baseline));
    let l =
        Lanes::start(Settings { count, ..Settings::default() }, exec, s, &mut || Ok(Box::new(F) as Box<dyn FindOwner>))
            .unwrap();
    println!("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let st = l.state();
    eprintln!(
        "hits {} deferred {} mean {:?} {:?}",
        st.hits,
        st.deferred,
        st.latency.sum / (st.latency.count().max(1) as u32),
        st.latency.buckets
    );
}
