//! Concurrent and failing changes of a baseline.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Child, Stdio};

use egret_tests::with_small_disk;
use libtest_mimic::Trial;

use crate::{Directory, test};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("editing::concurrent_edits_are_all_kept", at_once),
        test("editing::file_keeps_its_mode_and_owner", mode_and_owner),
        test("editing::full_disk_does_not_change_the_file", full_disk),
        test("editing::errors_are_reported_by_line", wrong),
        test("editing::unmatchable_rules_fail_the_check", unmatched),
        test("editing::error_without_a_baseline_names_the_next_step", none),
    ]
}

fn rule(number: usize) -> String {
    format!("exe=/usr/bin/program-{number} -> tcp example.org {}", 1000 + number)
}

fn at_once() {
    const PROGRAMS: usize = 24;
    let directory = Directory::new();
    let start = |number| directory.command("allow", &[&rule(number)]).stdout(Stdio::null()).spawn().unwrap();
    let children: Vec<Child> = (0..PROGRAMS).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let text = directory.text();
    for number in 0..PROGRAMS {
        assert!(text.contains(&rule(number)), "{number} is lost: {text}");
    }
    assert!(directory.stdout_of("check", &[]).contains(&format!("{PROGRAMS} rules")));
}

fn mode_and_owner() {
    let directory = Directory::new();
    fs::write(directory.file(), "format 1\n").unwrap();
    fs::set_permissions(directory.file(), Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(directory.file(), Some(4242), Some(4343)).unwrap();
    directory.stdout_of("allow", &[&rule(1)]);
    let metadata = fs::metadata(directory.file()).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (4242, 4343, 0o640));
    assert!(directory.text().contains(&rule(1)));
}

fn full_disk() {
    let directory = Directory::new();
    let disk = directory.path("disk");
    fs::create_dir(&disk).unwrap();
    with_small_disk(&disk.clone(), "256k", || {
        let file = disk.join("baseline");
        fs::write(&file, "# Mine.\nformat 1\n").unwrap();
        // The first edit creates the lock file before the disk is full.
        let allow = |number| {
            let mut command = directory.command("allow", &[&rule(number)]);
            command.args(["--baseline"]).arg(&file);
            command.output().unwrap()
        };
        assert!(allow(1).status.success());
        let before = fs::read_to_string(&file).unwrap();
        while fs::write(disk.join("ballast"), vec![0; 300 << 10]).is_ok() {}
        let failed = allow(2);
        let stderr = String::from_utf8_lossy(&failed.stderr);
        assert_eq!(failed.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("No space left on device") && stderr.contains("disk/baseline"), "{stderr}");
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        fs::remove_file(disk.join("ballast")).unwrap();
        assert!(allow(2).status.success());
        assert!(fs::read_to_string(&file).unwrap().contains(&rule(2)));
    });
}

fn wrong() {
    let directory = Directory::new();
    let text =
        "format 1\npermit everything\nallow exe=/usr/bin/curl -> tcp example.org 443\nallow * -> tcp 192.0.2.1/24 *\n";
    fs::write(directory.file(), text).unwrap();
    let output = directory.command("check", &[]).output().unwrap();
    let (stderr, path) = (String::from_utf8(output.stderr).unwrap(), directory.file().display().to_string());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with(&format!("{path}:2: ")) && lines[1].starts_with(&format!("{path}:4: ")), "{stderr}");
    for (command, arguments) in [("show", &[][..]), ("readiness", &[]), ("remove", &["1"]), ("learn", &["--log", "/"])]
    {
        let output = directory.command(command, arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{command}: {stderr}");
        assert!(stderr.contains(&format!("{path}:4: ")), "{command}: {stderr}");
        assert_eq!(directory.text(), text);
    }
}

fn unmatched() {
    let directory = Directory::new();
    fs::write(
        directory.file(),
        "format 1\nallow exe=curl -> tcp example.org 443\nallow exe=/usr/bin/curl -> tcp example.org 443\n",
    )
    .unwrap();
    let output = directory.command("check", &[]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    assert!(stderr.contains("`allow exe=curl -> tcp example.org 443` matches nothing"), "{stderr}");
    // The other rule is kept.
    assert!(directory.stdout_of("show", &[]).contains("exe=/usr/bin/curl"));
}

fn none() {
    let directory = Directory::new();
    for command in ["show", "readiness", "replay", "check"] {
        let output = directory.command(command, &[]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{command}: {stderr}");
        assert!(stderr.contains(directory.file().to_str().unwrap()), "{command}: {stderr}");
    }
    assert!(!directory.file().exists());
}
