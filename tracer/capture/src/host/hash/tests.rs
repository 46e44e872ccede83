use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use egret_model::{Executable, FileId, FileState, Process, Sha256};
use sha2::Digest as _;

use super::*;
use crate::host::file::state_of;
use crate::host::test_support::{Directory, StuckFiles, copied_sleep, skip_unless_root};
use crate::host::{Cgroups, Users, kernel_device_to_stat, process};

/// The process once a digester has set its digests.
fn digested(digester: &Digester, process: Process) -> Process {
    let process = Arc::new(process);
    let (done, is_done) = sync_channel(1);
    assert!(digester.request(&process, Some(Box::new(move || done.send(()).unwrap()))));
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
    process::Reader::default()
        .read(pid, &mut Cgroups::new())
        .unwrap()
        .to_model(crate::host::boot_time(), &mut Users::new())
}

/// An ended process (no pid is that high) that ran the file at a path.
fn ended(path: &Path, file: Option<FileId>) -> Process {
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
fn digest_is_that_of_sha256sum() {
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
fn digest_is_that_of_the_running_file_after_its_replacement() {
    let directory = Directory::new("hash-replaced");
    let (path, child) = copied_sleep(&directory, "sleeper");
    let expected = sha256sum(&path);
    let process = running(child.pid());
    let ended = ended(&path, process.executable.file);
    std::fs::write(directory.0.join("new"), "something else").unwrap();
    std::fs::rename(directory.0.join("new"), &path).unwrap();
    assert_eq!(digest(process).as_deref(), Some(&*expected));
    drop(child);
    assert_eq!(digest(ended), None);
}

#[test]
fn executable_of_an_ended_process_is_read_by_its_path() {
    let directory = Directory::new("hash-gone");
    let path = directory.0.join("file");
    std::fs::write(&path, "abc").unwrap();
    let found = digest(ended(&path, Some(id(&path))));
    // FIPS 180-2, B.1.
    assert_eq!(found.as_deref(), Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(digest(ended(&path, None)), None, "which file it was is not known");
}

#[test]
fn changed_file_is_read_again_even_with_its_old_time() {
    let directory = Directory::new("hash-changed");
    let path = directory.0.join("file");
    let digester = digester(u64::MAX);
    let digest = |process| digested(&digester, process).executable.sha256.get().unwrap().clone();
    std::fs::write(&path, "abc").unwrap();
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let first = digest(ended(&path, Some(id(&path)))).unwrap();
    // The kernel stamps files with the time of its last tick: write until the time differs.
    crate::host::test_support::wait_until("a new time stamp", || {
        std::fs::write(&path, "xyz").unwrap();
        std::fs::metadata(&path).unwrap().modified().unwrap() != time
    });
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let second = digest(ended(&path, Some(id(&path)))).unwrap();
    assert_ne!(first, second);
    assert_eq!(&*second, sha256sum(&path));
}

#[test]
fn file_above_the_limit_has_only_a_build_id() {
    let directory = Directory::new("hash-limit");
    let path = directory.0.join("file");
    std::fs::write(&path, "abcd").unwrap();
    for (limit, has_sha256) in [(3, false), (4, true)] {
        let executable = digested(&digester(limit), ended(&path, Some(id(&path)))).executable;
        assert_eq!(executable.sha256.get().unwrap().is_some(), has_sha256);
        assert!(executable.build_id.get().unwrap().is_some());
    }
}

/// The same by coreutils: `(head -c 4096; tail -c 4096; printf length as eight bytes) | sha256sum`.
#[test]
fn build_id_is_that_of_the_semantic_conventions() {
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
        let executable = digested(&digester(u64::MAX), ended(&path, Some(id(&path)))).executable;
        assert_eq!(executable.build_id.get().unwrap().as_deref(), Some(&*expected), "{length}");
    }
}

#[test]
fn file_that_was_changed_since_the_exec_has_no_digests() {
    let directory = Directory::new("hash-rewritten");
    let path = directory.0.join("file");
    std::fs::write(&path, "abc").unwrap();
    let state = state_of(&std::fs::metadata(&path).unwrap());
    let executed = |state| {
        let mut process = ended(&path, Some(id(&path)));
        Arc::get_mut(&mut process.executable).unwrap().state = Some(state);
        digested(&digester(u64::MAX), process).executable
    };
    assert!(executed(state).sha256.get().unwrap().is_some());
    let before = FileState { changed_ns: state.changed_ns - 1, ..state };
    let rewritten = executed(before);
    assert_eq!((rewritten.sha256.get(), rewritten.build_id.get()), (Some(&None), Some(&None)));
}

/// A sparse file of many times the budget of this test's duration. Requests never wait, and small files do not
/// wait for it.
#[test]
fn long_file_does_not_delay_short_ones() {
    let directory = Directory::new("hash-giant");
    let (giant, small) = (directory.0.join("giant"), directory.0.join("small"));
    File::create(&giant).unwrap().set_len(1 << 34).unwrap();
    std::fs::write(&small, "abc").unwrap();
    let limits = Limits { largest: Some(u64::MAX), rate: Some(8 << 20), is_background: true };
    let digester = Digester::start(limits, Known::default(), || {}).unwrap();
    let begun = Instant::now();
    let giants: Vec<_> = (0..100).map(|_| Arc::new(ended(&giant, Some(id(&giant))))).collect();
    giants.iter().for_each(|process| digester.attend_one(process));
    assert!(begun.elapsed() < Duration::from_secs(1));
    let executable = digested(&digester, ended(&small, Some(id(&small)))).executable;
    assert!(executable.sha256.get().unwrap().is_some());
    assert!(giants.iter().all(|process| process.executable.sha256.get().is_none()));
    assert!(giants[0].executable.build_id.get().unwrap().is_some());
    assert_eq!(digester.counts().lost(), 0);
}

/// One user runs more large files than may be in progress, and more small ones than may wait.
#[test]
fn files_of_one_user_do_not_displace_those_of_others() {
    let directory = Directory::new("hash-shares");
    let limits = Limits { largest: Some(u64::MAX), rate: Some(64 << 20), is_background: true };
    let digester = Digester::start(limits, Known::default(), || {}).unwrap();
    let of_user = |uid, path: &Path| Process { uid: Some(uid), ..ended(path, Some(id(path))) };
    let large: Vec<_> = (0..2000_u64)
        .map(|number| {
            let path = directory.0.join(format!("large{number}"));
            File::create(&path).unwrap().set_len((1 << 33) + number).unwrap();
            Arc::new(of_user(1000, &path))
        })
        .collect();
    large.iter().for_each(|process| digester.attend_one(process));
    crate::host::test_support::wait_until("more files than may be in progress", || digester.counts().lost() > 0);
    let path = directory.0.join("of another");
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
    std::fs::write(&path, content).unwrap();
    let executable = digested(&digester, of_user(0, &path)).executable;
    assert_eq!(executable.sha256.get().unwrap().as_deref(), Some(&*sha256sum(&path)));
}

#[test]
fn stuck_file_system_loses_only_its_own_digests() {
    let Some(mut files) = StuckFiles::mount("stuck-digest") else { return };
    let (_, pid) = files.run();
    let stuck = Arc::new(running(pid));
    files.stop_answering();
    let digester = digester(u64::MAX);
    digester.attend_one(&stuck);
    let exe = std::env::current_exe().unwrap();
    let own = digested(&digester, running(std::process::id())).executable;
    assert_eq!(own.sha256.get().unwrap().as_deref(), Some(&*sha256sum(&exe)));
    assert_eq!((stuck.executable.known_digests(), digester.counts().lost()), ((false, false), 1));
}

#[test]
fn digests_of_a_known_file_are_set_at_once() {
    let directory = Directory::new("hash-again");
    let path = directory.0.join("file");
    std::fs::write(&path, "abc").unwrap();
    let digester = digester(u64::MAX);
    let state = state_of(&std::fs::metadata(&path).unwrap());
    // A file that was just written may change without another time: it is not entered yet.
    crate::host::test_support::wait_until("digests at once", || {
        digested(&digester, ended(&path, Some(id(&path))));
        let mut process = ended(&path, Some(id(&path)));
        Arc::get_mut(&mut process.executable).unwrap().state = Some(state);
        let process = Arc::new(process);
        digester.attend_one(&process);
        process.executable.known_digests() == (true, true)
    });
}

/// The kernel's clock for files advances every few milliseconds: two contents may have the same state.
#[test]
fn file_that_changes_within_a_tick_is_read_again() {
    let directory = Directory::new("hash-tick");
    let path = directory.0.join("file");
    let digester = digester(u64::MAX);
    for round in 0..100 {
        for content in [format!("a{round:03}"), format!("b{round:03}")] {
            std::fs::write(&path, &content).unwrap();
            let executable = digested(&digester, ended(&path, Some(id(&path)))).executable;
            let expected: String = sha2::Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(executable.sha256.get().unwrap().as_deref(), Some(&*expected), "{content}");
        }
    }
}

#[test]
fn fifo_at_the_path_does_not_block() {
    let directory = Directory::new("hash-fifo");
    let path = directory.0.join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(digest(ended(&path, Some(id(&path)))), None);
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
