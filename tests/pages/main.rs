//! Runs the commands of documentation pages, and compares their output with the page.
//!
//! Needs root; tests that cannot run here are listed as ignored, with the reason in their name.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod console;
mod shell;

use std::process::ExitCode;

use console::Step;
use egret_tests::test;
use libtest_mimic::Trial;

fn main() -> ExitCode {
    let trials = vec![
        test("pages::enforcing_page_is_accurate", || run(include_str!("../../docs/enforcing.md"))),
        test("pages::missing_output_is_an_error", differing),
        Trial::test("pages::consoles_are_parsed", || {
            console::check_parser();
            Ok(())
        }),
    ];
    egret_tests::run(trials)
}

/// Runs all consoles of a page, one after another in one shell.
fn run(page: &str) {
    let steps = console::steps(page);
    assert!(!steps.is_empty(), "there is nothing to run");
    let outputs = shell::run(&steps);
    for (Step { command, expected }, output) in steps.iter().zip(outputs) {
        if let Err(why) = console::compare(expected, &output) {
            panic!("$ {command}\n{why}\nthe page has:\n{expected}\nthe shell said:\n{output}");
        }
    }
}

fn differing() {
    for page in
        ["```console\n$ echo one\ntwo\n```\n", "```console\n$ echo one\n```\n", "```console\n$ true\none\n```\n"]
    {
        assert!(std::panic::catch_unwind(|| run(page)).is_err(), "{page}");
    }
    run("```console\n$ word=one\n$ echo $word; echo three\none\n…\n$ cat <<END\n> $word\n> END\none\n```\n");
}
