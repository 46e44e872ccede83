//! `egret report`: one page from the log and the baseline of a daemon.

use std::fs;
use std::process::Command;

use egret_tests::{Setup, Traffic, copy_program, egret, stdout_of, traffic, until};
use libtest_mimic::Trial;

use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![test("report::page_has_the_program_and_what_was_new", page)]
}

fn page() {
    let daemon = Setup::new().parquet().json().text("parquet.rotate_after", "1s").text("baseline.save_every", "1s").start();
    let setup = daemon.setup();
    let program = setup.path("uploader");
    copy_program(&traffic(), &program);
    let report = Traffic::by(&program, &["tcp-blocking", "--bytes", "5000"]).run();
    daemon.wait_for_lines(&report);
    let name = program.to_str().unwrap();
    let baseline = setup.path("baseline");
    until("a rule", || fs::read_to_string(&baseline).ok().filter(|text| text.contains(name)));
    let (log, page) = (setup.log(), setup.path("page.html"));
    let command = |arguments: &[&str]| {
        let mut command = Command::new(egret());
        command.args(["report", "--since", "1h", "--log"]).arg(&log).arg("--baseline").arg(&baseline).args(arguments);
        command.arg("--config").arg(setup.configuration());
        command
    };
    // The log has the events once the file is finished. The program is client and server.
    until("the connection in the log", || {
        let text = stdout_of(&mut command(&["--format", "markdown"]));
        let row = text.lines().find(|line| line.starts_with(&format!("| {name} | 2 | 1 | 0 | 1 | 9.8K | 9.8K |")));
        row.is_some().then(|| {
            assert!(text.contains("\n| connections whose program is known | "), "{text}");
            let new = text.split("## New in this period").nth(1).unwrap().split("## ").next().unwrap();
            assert!(new.contains("| new program | exe="), "{text}");
            assert!(!text.contains("There is no baseline."), "{text}");
        })
    });
    assert_eq!(stdout_of(command(&[]).arg("--output").arg(&page)), "");
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains(name) && !html.contains("<script"), "{html}");
    let refused = command(&["--since", "1h", "--until", "2h"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let empty = command(&["--until", "59m", "--format", "markdown"]);
    assert!(stdout_of(&mut { empty }).contains("The log has no connection in this time."));
    assert!(daemon.stop().status.success());
}
