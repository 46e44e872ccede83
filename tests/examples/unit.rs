//! The unit for systemd.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use egret_tests::{Scratch, egret, needing, test};
use libtest_mimic::Trial;

use crate::{example, ran};

/// Highest `systemd-analyze security` exposure, in tenths: docs/install.md lists its parts.
const EXPOSURE: u32 = 33;

pub(crate) fn trials() -> Vec<Trial> {
    let analyzed = |test| needing("systemd-analyze", test);
    vec![
        analyzed(test("unit::systemd_accepts_the_unit", understood)),
        analyzed(test("unit::exposure_stays_within_its_limit", exposure)),
    ]
}

/// The unit, with the binary under test in place of the installed one.
fn unit(scratch: &Scratch, change: impl Fn(String) -> String) -> PathBuf {
    let text = fs::read_to_string(example("systemd/egret.service")).unwrap();
    let file = scratch.path("egret.service");
    fs::write(&file, change(text.replace("/usr/bin/egret", egret().to_str().unwrap()))).unwrap();
    file
}

fn understood() {
    let scratch = Scratch::new();
    let verify = |unit: PathBuf| {
        let (succeeded, stdout, stderr) = ran(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit));
        (succeeded, stdout + &stderr)
    };
    assert_eq!(verify(unit(&scratch, |text| text)), (true, String::new()));
    let (_, report) = verify(unit(&scratch, |text| text.replace("RestrictRealtime=yes", "RestrictRealtime=perhaps")));
    assert!(report.contains("perhaps"), "{report}");
}

fn exposure() {
    let scratch = Scratch::new();
    let analyze = |unit: PathBuf| {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=true", "--no-pager", &format!("--threshold={EXPOSURE}")]);
        let (succeeded, stdout, stderr) = ran(command.arg(unit));
        (succeeded, format!("{}{stderr}", stdout.lines().last().unwrap_or_default()))
    };
    let (within, report) = analyze(unit(&scratch, |text| text));
    eprintln!("{report}");
    assert!(within, "{report}");
    let (within, report) = analyze(unit(&scratch, |text| text.replace("NoNewPrivileges=yes\n", "")));
    assert!(!within, "{report}");
}
