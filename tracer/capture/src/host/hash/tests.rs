use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use egret_model::{Executable, FileId};

use super::*;
use crate::host::test_support::{Directory, copied_sleep, skip_unless_root};
use crate::host::{Cgroups, Users, kernel_device_to_stat, process};

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
    let digest = Hasher::default().digest(&own).unwrap();
    assert_eq!(&*digest, sha256sum(&exe));
    assert_eq!(own.executable.sha256.get(), Some(&Some(digest)));
}

#[test]
fn removed_file_is_read_through_the_process() {
    let directory = Directory::new("hash-removed");
    let (path, child) = copied_sleep(&directory, "sleeper");
    let expected = sha256sum(&path);
    let process = running(child.pid());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(Hasher::default().digest(&process).as_deref(), Some(&*expected));
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
    assert_eq!(Hasher::default().digest(&process).as_deref(), Some(&*expected));
    drop(child);
    assert_eq!(Hasher::default().digest(&ended), None);
}

#[test]
fn process_that_is_gone_is_hashed_by_its_path() {
    let directory = Directory::new("hash-gone");
    let path = directory.0.join("file");
    std::fs::write(&path, "abc").unwrap();
    let digest = Hasher::default().digest(&gone(&path, Some(id(&path))));
    // FIPS 180-2, B.1.
    assert_eq!(digest.as_deref(), Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(Hasher::default().digest(&gone(&path, None)), None, "which file it was is not known");
}

#[test]
fn changed_content_is_hashed_again_even_with_its_time_set_back() {
    let directory = Directory::new("hash-changed");
    let path = directory.0.join("file");
    let mut hasher = Hasher::default();
    std::fs::write(&path, "abc").unwrap();
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let first = hasher.digest(&gone(&path, Some(id(&path)))).unwrap();
    // The kernel stamps files with the time of its last tick: write until the stamp is another one.
    crate::host::test_support::wait_until("a new time stamp", || {
        std::fs::write(&path, "xyz").unwrap();
        std::fs::metadata(&path).unwrap().modified().unwrap() != time
    });
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let second = hasher.digest(&gone(&path, Some(id(&path)))).unwrap();
    assert_ne!(first, second);
    assert_eq!(&*second, sha256sum(&path));
}

#[test]
fn file_above_the_limit_is_not_read() {
    let directory = Directory::new("hash-limit");
    let path = directory.0.join("file");
    std::fs::write(&path, "abcd").unwrap();
    let process = || gone(&path, Some(id(&path)));
    assert_eq!(Hasher::new(3).digest(&process()), None);
    assert!(Hasher::new(4).digest(&process()).is_some());
}

#[test]
fn fifo_in_the_place_of_the_file_does_not_block() {
    let directory = Directory::new("hash-fifo");
    let path = directory.0.join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(Hasher::default().digest(&gone(&path, Some(id(&path)))), None);
}

#[test]
fn cache_is_bounded() {
    let mut hasher = Hasher::default();
    for inode in 0..5000 {
        hasher.digests.put((1, inode, 0, (0, 0), (0, 0)), "".into());
    }
    assert_eq!(hasher.digests.len(), CAPACITY.get());
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
    let as_kernel_reports = FileId { device: of_kernel, ..of_stat };
    process.executable = Arc::new(Executable { file: Some(as_kernel_reports), ..Executable::default() });
    assert_eq!(Hasher::default().digest(&process).as_deref(), Some(&*sha256sum(Path::new(&exe))));
    let another = FileId { device: of_kernel, inode: of_stat.inode + 1 };
    process.executable = Arc::new(Executable { file: Some(another), ..Executable::default() });
    assert_eq!(Hasher::default().digest(&process), None);
}
