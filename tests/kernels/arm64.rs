//! A machine with another processor. The host's programs do not run there: it has a file system of its own, in memory.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What it starts with.
const INIT: &str = include_str!("arm64.sh");
/// What programs are linked to: Debian has it for those who build programs for arm64.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu/lib";
/// The libraries and what loads them.
const LINKED: [&str; 4] = ["ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1"];
/// Modules that list sockets. The kernel has the rest of what is tried in itself.
const MODULES: [&str; 4] = ["inet_diag", "tcp_diag", "udp_diag", "af_packet_diag"];
/// A line of the console before each file.
const MARK: &str = "=== ";

/// Boots the kernel in `place`, and writes what the machine leaves to `out`, where the kinds of traffic are.
pub(crate) fn boot(place: &Path, out: &Path, limit: &str) {
    let archive = out.join("initramfs");
    pack(place, out, &archive);
    let console = Command::new("timeout")
        .args([limit, "qemu-system-aarch64", "-machine", "virt", "-cpu", "max", "-smp", "2", "-m", "2G"])
        .args(["-display", "none", "-serial", "stdio", "-no-reboot", "-net", "none"])
        .arg("-kernel")
        .arg(place.join("kernel"))
        .arg("-initrd")
        .arg(&archive)
        .args(["-append", "console=ttyAMA0 panic=-1 loglevel=3 mitigations=off"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let _ = fs::remove_file(archive);
    let text = String::from_utf8_lossy(&console.stdout).replace('\r', "");
    fs::write(out.join("console"), &text).unwrap();
    fs::write(out.join("console.err"), &console.stderr).unwrap();
    for file in text.split(&format!("\n{MARK}")).skip(1) {
        if let Some((name, content)) = file.split_once('\n').filter(|(name, _)| !name.is_empty()) {
            fs::write(out.join(name), format!("{content}\n")).unwrap();
        }
    }
}

/// Makes the file system.
fn pack(place: &Path, out: &Path, archive: &Path) {
    let root = out.join("root");
    let put = |from: &Path, to: &str| {
        let to = root.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    put(&place.join("root/usr/bin/busybox"), "bin/busybox");
    LINKED.iter().for_each(|name| put(&Path::new(LIBRARIES).join(name), &format!("lib/{name}")));
    put(&egret_tests::egret(), "egret");
    put(&egret_tests::traffic(), "egret-traffic");
    put(&out.join("ways"), "ways");
    modules(&place.join("root/lib/modules"), &root);
    fs::write(root.join("init"), INIT).unwrap();
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut pack = Command::new("busybox")
        .args(["cpio", "-o", "-H", "newc"])
        .current_dir(&root)
        .stdin(Stdio::piped())
        .stdout(fs::File::create(archive).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let found = Command::new("find").arg(".").current_dir(&root).output().unwrap();
    pack.stdin.take().unwrap().write_all(&found.stdout).unwrap();
    assert!(pack.wait().unwrap().success());
    fs::remove_dir_all(root).unwrap();
}

/// Copies those modules, decompressed as busybox takes them, with what they need.
fn modules(from: &Path, root: &Path) {
    let release = fs::read_dir(from).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let from = from.join(&release);
    let to = root.join("lib/modules").join(&release);
    let needed = fs::read_to_string(from.join("modules.dep")).unwrap();
    let is_wanted =
        |line: &&str| MODULES.iter().any(|name| line.split(".ko").next().unwrap().ends_with(&format!("/{name}")));
    for path in needed.lines().filter(is_wanted).flat_map(|line| line.split([':', ' '])).filter(|path| !path.is_empty())
    {
        let plain = to.join(path.trim_end_matches(".xz"));
        fs::create_dir_all(plain.parent().unwrap()).unwrap();
        let file = fs::File::create(&plain).unwrap();
        let tool = if path.ends_with(".xz") { "xzcat" } else { "cat" };
        assert!(Command::new(tool).arg(from.join(path)).stdout(file).status().unwrap().success(), "{path}");
    }
    let list = Command::new("/sbin/depmod").arg("--basedir").arg(root).arg(&release).stderr(Stdio::null()).status();
    assert!(list.unwrap().success());
}
