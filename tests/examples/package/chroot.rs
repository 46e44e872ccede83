//! A Debian installation in a directory.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use egret_tests::{Namespace, stdout_of};

/// The dependencies of the package, and a firewall.
const PACKAGES: &str = "--include=systemd,iptables,init-system-helpers";

/// Mounts the file systems that programs inside need.
const MOUNTS: &str = "mount --rbind /dev \"$0/dev\" && mount -t proc proc \"$0/proc\" && mount --rbind /sys \"$0/sys\"";

/// Lists path, type and mode, owner, and target of links, without the system's records of installed packages.
const LIST: &str = "cd \"$0\" && find . -xdev \
  \\( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache \\) \
  -prune -o -printf '%p %M %U:%G %l\\n'";

/// A minimal Debian in separate network and mount namespaces, removed with the test.
pub(super) struct Chroot {
    root: PathBuf,
    namespace: Namespace,
}

impl Chroot {
    /// The same release and sources as this host.
    pub(super) fn new() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("debian-{}", std::process::id()));
        let debian = Self { root, namespace: Namespace::resolving("") };
        let release = fs::read_to_string("/etc/os-release").unwrap();
        let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap();
        let format =
            ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", &format!("Codename: {codename}")];
        let mirrors = stdout_of(Command::new("apt-get").args(format));
        let mut bootstrap = Command::new("debootstrap");
        bootstrap.args(["--variant=minbase", PACKAGES, codename]).arg(&debian.root).args(mirrors.lines().next());
        stdout_of(&mut bootstrap);
        stdout_of(debian.namespace.command("sh").args(["-c", MOUNTS]).arg(&debian.root));
        debian
    }

    /// The outside path of a file.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A command to run inside. It keeps its process id.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = self.namespace.command("chroot");
        command.arg(&self.root).arg(program).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        command
    }

    /// Selects one of the two variants of `iptables`.
    pub(super) fn choose(&self, kind: &str) {
        for family in ["iptables", "ip6tables"] {
            stdout_of(self.command("update-alternatives").args([
                "--set",
                family,
                &format!("/usr/sbin/{family}-{kind}"),
            ]));
        }
    }

    pub(super) fn install(&self, package: &Path) {
        fs::copy(package, self.path("tmp/egret.deb")).unwrap();
        stdout_of(self.command("dpkg").args(["--install", "/tmp/egret.deb"]));
    }

    /// Connects to a closed port.
    pub(super) fn connect(&self) {
        stdout_of(self.command("bash").args(["-c", "! : 2> /dev/null > /dev/tcp/127.0.0.1/9"]));
    }

    /// Every file, and every line of the user and group databases.
    pub(super) fn listing(&self) -> BTreeSet<String> {
        let mut lines: BTreeSet<String> =
            stdout_of(Command::new("sh").args(["-c", LIST]).arg(&self.root)).lines().map(str::to_owned).collect();
        for name in ["passwd", "group", "shadow", "gshadow"] {
            let text = fs::read_to_string(self.path("etc").join(name)).unwrap();
            lines.extend(text.lines().map(|line| format!("{name}: {line}")));
        }
        lines
    }
}

impl Drop for Chroot {
    fn drop(&mut self) {
        // The mounts are private to the namespace. A leftover is a temporary file.
        let _ = Command::new("rm").args(["--recursive", "--force", "--one-file-system"]).arg(&self.root).status();
    }
}
