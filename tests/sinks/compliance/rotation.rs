//! Log rotation by renaming.

use std::fs;

use egret_tests::{Setup, until};

use super::{connect, connect_until, records, stop};

const ROTATIONS: usize = 5;

pub(super) fn rotation_loses_no_event() {
    let daemon = Setup::new().json().start();
    let lines = daemon.setup().lines();
    let old = |rotation: usize| lines.with_extension(rotation.to_string());
    for rotation in 0..ROTATIONS {
        connect(50);
        fs::rename(&lines, old(rotation)).unwrap();
        connect(50);
        daemon.reload();
        until("the new file", || lines.exists().then_some(()));
    }
    connect_until(&daemon, "json", |_| fs::metadata(&lines).unwrap().len() > 0);
    let ended = stop(daemon);
    let [enqueued, sent, dropped, _] = ended.sinks["json"];
    assert_eq!((sent, dropped), (enqueued, 0));
    let found = records(&lines) + (0..ROTATIONS).map(|rotation| records(&old(rotation))).sum::<u64>();
    assert_eq!(found, sent);
}
