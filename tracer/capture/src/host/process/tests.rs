use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use egret_model::unescaped;
use egret_wire::MAX_ARGS;

use super::image::split_args;
use super::*;
use crate::host::Cgroups;
use crate::host::file::identity;
use crate::host::test_support::{Child, Directory, StuckFiles, copied_sleep, wait_until};

fn read_now(pid: u32) -> HostProcess {
    Reader::default().read(pid, &mut Cgroups::new()).unwrap()
}

#[test]
fn own_process_is_read_completely() {
    let own = read_now(std::process::id());
    let exe = std::env::current_exe().unwrap();
    assert_eq!(own.exe.as_deref(), exe.to_str());
    assert!(!own.exe_deleted);
    assert_eq!(own.file, Some(identity(&std::fs::metadata(&exe).unwrap())));
    assert_eq!(own.uid, nix::unistd::geteuid().as_raw());
    assert_eq!(own.parent_pid, u32::try_from(nix::unistd::getppid().as_raw()).ok());
    let args: Vec<String> = std::env::args().collect();
    assert_eq!(own.args.iter().map(|arg| arg.to_string()).collect::<Vec<_>>(), args);
    assert!(own.cgroup.is_some());
}

#[test]
fn start_time_is_between_the_times_around_the_start() {
    let before = crate::host::boot_time();
    let start = std::time::SystemTime::now();
    let child = Child::sleeping();
    let process = read_now(child.pid()).to_model(before, &mut Users::new());
    let end = std::time::SystemTime::now();
    let nanos = |time: std::time::SystemTime| {
        i64::try_from(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()).unwrap()
    };
    let started = process.start_time.unwrap().0;
    let tick = i64::try_from(tick_ns()).unwrap();
    assert!(started >= nanos(start) - tick && started <= nanos(end), "{started} {start:?} {end:?}");
    assert_eq!(process.executable.name(), Some("sleep"));
    assert_eq!(process.user.as_deref(), Users::new().name(process.uid.unwrap()).as_deref());
}

#[test]
fn kernel_s_start_time_in_nanoseconds_is_recognised() {
    let own = read_now(std::process::id());
    assert!(own.started_at(own.start_ns));
    assert!(own.started_at(own.start_ns + tick_ns() - 1));
    assert!(!own.started_at(own.start_ns + tick_ns()));
    assert!(!own.started_at(own.start_ns - 1));
}

#[test]
fn executables_with_names_that_are_not_utf8_differ() {
    let directory = Directory::new("bytes");
    let read = |name: &[u8]| {
        let (path, child) = copied_sleep(&directory, OsStr::from_bytes(name));
        let process = read_now(child.pid());
        assert_eq!(unescaped(process.exe.as_deref().unwrap()), path.as_os_str().as_bytes());
        assert_eq!((process.origin, process.exe_deleted), (Origin::Host, false), "the path leads to its file");
        assert_eq!(process.args[0], process.exe.clone().unwrap());
        std::fs::remove_file(path).unwrap();
        let process = read_now(child.pid());
        assert_eq!((process.origin, process.exe_deleted), (Origin::Replaced, true));
        process.exe.unwrap()
    };
    let names = [&b"a\xff"[..], b"a\xfe", b"a\\xff", b"a\\\xff"].map(read);
    let distinct: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    assert!(names[0].ends_with(r"/a\xff") && names[2].ends_with(r"/a\\xff"), "{names:?}");
}

#[test]
fn removed_executable_is_flagged_and_keeps_its_identity() {
    let directory = Directory::new("removed");
    let (path, child) = copied_sleep(&directory, "sleeper");
    let file = identity(&std::fs::metadata(&path).unwrap());
    assert!(!read_now(child.pid()).exe_deleted);
    std::fs::remove_file(&path).unwrap();
    let process = read_now(child.pid());
    assert!(process.exe_deleted);
    assert_eq!(process.exe.as_deref(), path.to_str());
    assert_eq!(process.origin, Origin::Replaced);
    assert_eq!(process.file, Some(file));
}

#[test]
fn file_name_that_ends_with_the_mark_is_not_deleted() {
    let directory = Directory::new("marked");
    let (path, child) = copied_sleep(&directory, "sleeper (deleted)");
    let process = read_now(child.pid());
    assert_eq!(process.exe.as_deref(), path.to_str());
    assert!(!process.exe_deleted);
}

#[test]
fn long_and_unusual_arguments_are_read() {
    assert_eq!(split_args(b"").len(), 0);
    assert_eq!(&*split_args(b"a\0\0b\0"), &["a".into(), "".into(), "b".into()] as &[Arc<str>]);
    assert_eq!(&*split_args(b"a\xff\0b"), &[r"a\xff".into(), "b".into()] as &[Arc<str>]);
    let child = Child::run(Command::new("sh").args(["-c", "read line", &"x".repeat(MAX_ARGS)]).stdin(pipe()));
    let (mut reader, mut groups) = (Reader::default(), Cgroups::new());
    wait_until("exec", || reader.read(child.pid(), &mut groups).is_ok_and(|process| process.args.len() > 2));
    let process = read_now(child.pid());
    assert!(process.args_truncated);
    assert_eq!(process.args.iter().map(|arg| arg.len() + 1).sum::<usize>(), MAX_ARGS + 1);
}

fn pipe() -> std::process::Stdio {
    std::process::Stdio::piped()
}

#[test]
fn ended_process_is_an_error_even_if_its_pid_is_used_again() {
    let pid = {
        let child = Child::sleeping();
        let entry = Entry::new(i32::try_from(child.pid()).unwrap()).unwrap();
        let pid = child.pid();
        drop(child);
        let error = Reader::default().read_entry(entry, pid, &mut Cgroups::new()).unwrap_err();
        assert!(matches!(error, ProcessError::Gone { .. }), "{error:?}");
        pid
    };
    assert!(matches!(Reader::default().read(pid, &mut Cgroups::new()), Err(ProcessError::Gone { .. })));
    assert!(matches!(Reader::default().read(u32::MAX, &mut Cgroups::new()), Err(ProcessError::Gone { .. })));
}

#[test]
fn kernel_threads_and_zombies_have_no_executable() {
    let mut child = Child::run(Command::new("true").stdin(std::process::Stdio::null()));
    let pid = child.pid();
    wait_until("end", || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z ")));
    let zombie = read_now(pid);
    assert_eq!((zombie.exe, zombie.file), (None, None));
    assert!(zombie.args.is_empty());
    child.inner().wait().unwrap();
    if std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n") {
        let thread = read_now(2);
        assert_eq!((thread.exe, thread.file, thread.parent_pid), (None, None, None));
    } else {
        eprintln!("skipped: kernel threads are not visible in this pid namespace");
    }
}

#[test]
fn all_lists_this_process_and_its_children() {
    let child = Child::sleeping();
    let processes = Reader::default().all(&mut Cgroups::new()).unwrap();
    for pid in [1, std::process::id(), child.pid()] {
        assert!(processes.iter().any(|process| process.pid == pid), "{pid}");
    }
}

#[test]
fn kernel_threads_have_their_own_origin() {
    let mut processes = Reader::default().all(&mut Cgroups::new()).unwrap();
    assert!(processes.iter().any(|process| process.pid == std::process::id() && process.origin != Origin::Kernel));
    // A pid namespace of its own shows none.
    processes.retain(|process| process.origin == Origin::Kernel);
    assert!(processes.iter().all(|process| process.exe.is_none() && process.args.is_empty()), "{processes:?}");
    let has_kernel = std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n");
    assert_eq!(!processes.is_empty(), has_kernel);
}

/// As when a network file system hangs. The process keeps running.
#[test]
fn stuck_file_system_delays_only_processes_on_it() {
    let Some(mut files) = StuckFiles::mount("stuck-process") else { return };
    let (path, pid) = files.run();
    let (mut reader, mut groups) = (Reader::default(), Cgroups::new());
    assert!(reader.read(pid, &mut groups).unwrap().file.is_some());
    files.stop_answering();
    for _ in 0..2 {
        let found = reader.read(pid, &mut groups).unwrap();
        // The kernel has the path; the identity and the arguments are unknown.
        assert_eq!((found.exe.as_deref(), found.file, found.origin), (path.to_str(), None, Origin::Unknown));
        assert!(found.args.is_empty() && found.args_truncated, "{found:?}");
        let own = reader.read(std::process::id(), &mut groups).unwrap();
        assert_eq!(own.args.len(), std::env::args().count());
    }
    assert!(reader.is_waiting() && reader.unread() == 2);
    drop(files);
    wait_until("an end of waiting", || !reader.is_waiting());
}
