use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use egret_model::{Executable, FileId, FileState, Process, Sha256};

use super::*;
use crate::host::file::state_of;
use crate::host::test_support::{Directory, copied_sleep, skip_unless_root};
use crate::host::{Cgroups, Users, kernel_device_to_stat, process};

/// The process once a digester has set its digests.
fn digested(digester: &Digester, process: Process) -> Process {
    let process = Arc::new(process);
    let (done, is_done) = sync_channel(1);
    assert!(digester.order(&process, Some(Box::new(move || done.send(()).unwrap()))));
    is_done.recv_timeout(Duration::from_secs(60)).unwrap();
    Process::clone(&process)
}

fn digester(largest: u64) -> Digester {
    let limits = Limits { largest: Some(largest), rate: None, is_background: false };
    Digester::start(limits, Known::default(), || {}).unwrap()
}

fn digest(process: Process) -> Option<Sha256> {
    digested(&digester(u64::MAX), process).executable.sha256.get().unwrap().clone()
}

fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().into()
}

fn running(pid: u32) -> Process {
    process::read(pid, &mut Cgroups::new()).unwrap().to_model(crate::host::boot_time(), &mut Users::new())
}

/// A process that is gone (no pid is that high) and ran the file at a path.
fn gone(path: &Path, file: Option<FileId>) -> Process {
    Process {
        pid: u32::MAX,
        start_time: None,
        parent_pid: None,
        executable: Arc::new(Executable { path: path.to_str().map(Into::into), file, ..Executable::default() }),
        uid: None,
        user: None,
        cgroup: None,
    }
}

fn id(path: &Path) -> FileId {
    let metadata = std::fs::metadata(path).unwrap();
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

#[test]
fn agrees_with_sha256sum_and_is_kept_in_the_executable() {
    let exe = std::env::current_exe().unwrap();
    let own = running(std::process::id());
    assert_eq!(digest(own).as_deref(), Some(&*sha256sum(&exe)));
}

#[test]
fn removed_file_is_read_through_the_process() {
    let directory = Directory::new("hash-removed");
    let (path, child) = copied_sleep(&directory, "sleeper");
    let expected = sha256sum(&path);
    let process = running(child.pid());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(digest(process).as_deref(), Some(&*expected));
}

#[test]
fn replaced_file_is_not_mistaken_for_what_runs() {
    let directory = Directory::new("hash-replaced");
    let (path, child) = copied_sleep(&directory, "sleeper");
    let expected = sha256sum(&path);
    let process = running(child.pid());
    let ended = gone(&path, process.executable.file);
    std::fs::write(directory.0.join("new"), "something else").unwrap();
    std::fs::rename(directory.0.join("new"), &path).unwrap();
    assert_eq!(digest(process).as_deref(), Some(&*expected));
    drop(child);
    assert_eq!(digest(ended), None);
}

#[test]
fn process_that_is_gone_is_hashed_by_its_path() {
    let directory = Directory::new("hash-gone");
    let path = directory.0.join("file");
    std::fs::write(&path, "abc").unwrap();
    let found = digest(gone(&path, Some(id(&path))));
    // FIPS 180-2, B.1.
    assert_eq!(found.as_deref(), Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(digest(gone(&path, None)), None, "which file it was is not known");
}

#[test]
fn changed_content_is_hashed_again_even_with_its_time_set_back() {
    let directory = Directory::new("hash-changed");
    let path = directory.0.join("file");
    let digester = digester(u64::MAX);
    let digest = |process| digested(&digester, process).executable.sha256.get().unwrap().clone();
    std::fs::write(&path, "abc").unwrap();
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let first = digest(gone(&path, Some(id(&path)))).unwrap();
    // The kernel stamps files with the time of its last tick: write until the stamp is another one.
    crate::host::test_support::wait_until("a new time stamp", || {
        std::fs::write(&path, "xyz").unwrap();
        std::fs::metadata(&path).unwrap().modified().unwrap() != time
    });
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let second = digest(gone(&path, Some(id(&path)))).unwrap();
    assert_ne!(first, second);
    assert_eq!(&*second, sha256sum(&path));
}

#[test]
fn file_above_the_limit_has_a_build_id_alone() {
    let directory = Directory::new("hash-limit");
    let path = directory.0.join("file");
    std::fs::write(&path, "abcd").unwrap();
    for (limit, has_sha256) in [(3, false), (4, true)] {
        let executable = digested(&digester(limit), gone(&path, Some(id(&path)))).executable;
        assert_eq!(executable.sha256.get().unwrap().is_some(), has_sha256);
        assert!(executable.build_id.get().unwrap().is_some());
    }
}

/// The same by coreutils alone: `(head -c 4096; tail -c 4096; printf length as eight bytes) | sha256sum`.
#[test]
fn build_id_is_that_of_the_conventions() {
    let directory = Directory::new("hash-build-id");
    let path = directory.0.join("file");
    for length in [0_usize, 1, 4095, 4096, 4097, 8192, 100_000] {
        let content: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        std::fs::write(&path, content).unwrap();
        let script = format!(
            "(head -c 4096 \"$0\"; tail -c 4096 \"$0\"; printf '%016x' {length} | sed 's/../\\\\x&/g' | xargs -0 printf '%b') | sha256sum"
        );
        let output = Command::new("sh").args(["-c", &script]).arg(&path).output().unwrap();
        let expected = String::from_utf8(output.stdout).unwrap()[..32].to_owned();
        let executable = digested(&digester(u64::MAX), gone(&path, Some(id(&path)))).executable;
        assert_eq!(executable.build_id.get().unwrap().as_deref(), Some(&*expected), "{length}");
    }
}

#[test]
fn a_file_that_was_written_to_since_has_no_digests() {
    let directory = Directory::new("hash-rewritten");
    let path = directory.0.join("file");
    std::fs::write(&path, "abc").unwrap();
    let state = state_of(&std::fs::metadata(&path).unwrap());
    let executed = |state| {
        let mut process = gone(&path, Some(id(&path)));
        Arc::get_mut(&mut process.executable).unwrap().state = Some(state);
        digested(&digester(u64::MAX), process).executable
    };
    assert!(executed(state).sha256.get().unwrap().is_some());
    let before = FileState { changed_ns: state.changed_ns - 1, ..state };
    let rewritten = executed(before);
    assert_eq!((rewritten.sha256.get(), rewritten.build_id.get()), (Some(&None), Some(&None)));
}

/// A sparse file of many times what the budget gives in the time of this test: small files do not wait for it, and those who
/// order never do.
#[test]
fn a_giant_file_holds_up_no_other() {
    let directory = Directory::new("hash-giant");
    let (giant, small) = (directory.0.join("giant"), directory.0.join("small"));
    File::create(&giant).unwrap().set_len(1 << 34).unwrap();
    std::fs::write(&small, "abc").unwrap();
    let limits = Limits { largest: Some(u64::MAX), rate: Some(8 << 20), is_background: true };
    let digester = Digester::start(limits, Known::default(), || {}).unwrap();
    let begun = Instant::now();
    let giants: Vec<_> = (0..100).map(|_| Arc::new(gone(&giant, Some(id(&giant))))).collect();
    giants.iter().for_each(|process| digester.attend_one(process));
    assert!(begun.elapsed() < Duration::from_secs(1));
    let executable = digested(&digester, gone(&small, Some(id(&small)))).executable;
    assert!(executable.sha256.get().unwrap().is_some());
    assert!(giants.iter().all(|process| process.executable.sha256.get().is_none()));
    assert!(giants[0].executable.build_id.get().unwrap().is_some());
    assert_eq!(digester.counts().lost(), 0);
}

#[test]
fn an_executable_that_was_read_before_has_its_digests_at_once() {
    let directory = Directory::new("hash-again");
    let path = directory.0.join("file");
    std::fs::write(&path, "abc").unwrap();
    let digester = digester(u64::MAX);
    digested(&digester, gone(&path, Some(id(&path))));
    let mut process = gone(&path, Some(id(&path)));
    let state = state_of(&std::fs::metadata(&path).unwrap());
    Arc::get_mut(&mut process.executable).unwrap().state = Some(state);
    let process = Arc::new(process);
    digester.attend_one(&process);
    assert_eq!(process.executable.known_digests(), (true, true));
}

#[test]
fn fifo_in_the_place_of_the_file_does_not_block() {
    let directory = Directory::new("hash-fifo");
    let path = directory.0.join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(digest(gone(&path, Some(id(&path)))), None);
}

/// On overlayfs over layers of several file systems, `stat(2)` gives the layer's device, and the kernel side
/// the overlay's. Runs in a mount namespace of its own, made by unshare(1).
#[test]
fn device_of_the_super_block_is_recognised_on_overlayfs() {
    if skip_unless_root("overlayfs") {
        return;
    }
    let directory = Directory::new("hash-overlay");
    let script = "set -e; mount --make-rprivate /; cd \"$0\"; mkdir -p l u m; mount -t tmpfs l l; mount -t tmpfs u u
        mkdir u/up u/work; cp /bin/sleep l/; mount -t overlay o -o lowerdir=l,upperdir=u/up,workdir=u/work m
        exec m/sleep 1000";
    let child = crate::host::test_support::Child::run(
        Command::new("unshare").args(["--mount", "sh", "-c", script]).arg(&directory.0),
    );
    let exe = format!("/proc/{}/exe", child.pid());
    crate::host::test_support::wait_until("exec on the overlay", || {
        std::fs::read_link(&exe).is_ok_and(|exe| exe.ends_with("m/sleep"))
    });
    let mut process = running(child.pid());
    let of_stat = process.executable.file.unwrap();
    let table = std::fs::read_to_string(format!("/proc/{}/mountinfo", child.pid())).unwrap();
    let line = table.lines().find(|line| line.contains(" - overlay o ")).unwrap();
    let (major, minor) = line.split(' ').nth(2).unwrap().split_once(':').unwrap();
    let of_kernel = kernel_device_to_stat(major.parse::<u32>().unwrap() << 20 | minor.parse::<u32>().unwrap());
    assert_ne!(of_stat.device, of_kernel, "this overlay does not show the difference");
    let exe_digest = sha256sum(Path::new(&exe));
    let as_kernel_reports = FileId { device: of_kernel, ..of_stat };
    process.executable = Arc::new(Executable { file: Some(as_kernel_reports), ..Executable::default() });
    assert_eq!(digest(process.clone()).as_deref(), Some(&*exe_digest));
    let another = FileId { device: of_kernel, inode: of_stat.inode + 1 };
    process.executable = Arc::new(Executable { file: Some(another), ..Executable::default() });
    assert_eq!(digest(process), None);
}
