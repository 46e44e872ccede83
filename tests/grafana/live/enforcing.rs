//! A daemon that learns, rehearses and enforces.

use std::process::{Command, Stdio};
use std::time::Duration;

use egret_tests::egret;
use libtest_mimic::Trial;

use super::Scene;

/// The needs that are met after [`rehearse_and_enforce`].
pub(crate) const MET: [&str; 5] = ["baseline", "shadow", "would_block", "enforce", "block"];

/// Time in each mode: rates and graphs need several scrapes.
const EACH: Duration = Duration::from_secs(10);
/// A destination that is never learned.
const UNKNOWN: &str = "http://tracker.example.test:8081/";

/// The test, or its name among the ignored ones if this egret cannot switch modes.
pub(crate) fn can_switch(test: Trial) -> Trial {
    if has_mode() {
        return test;
    }
    Trial::test(format!("{} (skipped: this egret has no `egret mode`)", test.name()), || Ok(())).with_ignored_flag(true)
}

pub(crate) fn has_mode() -> bool {
    let mut help = Command::new(egret());
    help.args(["mode", "--help"]).stdout(Stdio::null()).stderr(Stdio::null());
    help.status().is_ok_and(|status| status.success())
}

/// Learns the traffic of the host, then makes unlearned traffic in shadow and in enforce.
pub(crate) fn rehearse_and_enforce(scene: &Scene) {
    switch(scene, &["mode", "learn"]);
    scene.traffic_for(EACH);
    switch(scene, &["mode", "shadow"]);
    scene.traffic_for(EACH / 2);
    (0..5).for_each(|_| scene.fetch(UNKNOWN));
    scene.traffic_for(EACH / 2);
    switch(scene, &["mode", "enforce", "--confirm-within", "10m"]);
    scene.traffic_for(EACH / 2);
    (0..5).for_each(|_| scene.fetch(UNKNOWN));
    scene.traffic_for(EACH / 2);
}

fn switch(scene: &Scene, arguments: &[&str]) {
    let output = scene.ask(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}\n{}", scene.said());
}
