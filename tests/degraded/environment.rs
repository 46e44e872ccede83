//! A host that lacks something: runs egret in a mount namespace, or with fewer privileges.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use egret_tests::{copy_program, egret};
use serde_json::Value;

/// Longest run of a program before it counts as stuck, seconds.
const LIMIT_SECONDS: &str = "60";
/// `nobody` on every distribution.
const NOBODY_UID: &str = "65534";

/// A copy of the program that every user may run, and its directory.
pub(crate) struct Installed(PathBuf);

impl Installed {
    pub(crate) fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("egret-degraded-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let installed = Self(directory);
        copy_program(&egret(), &installed.program());
        installed
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.0.join("egret")
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The environment in which the program starts.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    /// Lines of shell, in a mount namespace of its own.
    mounts: Vec<String>,
    /// Arguments of `setpriv`.
    privileges: Vec<String>,
}

impl Environment {
    /// The host as it is.
    pub(crate) fn whole() -> Self {
        Self::default()
    }

    /// Without any mount of these types of file systems.
    pub(crate) fn without_file_systems(mut self, types: &[&str]) -> Self {
        for point in mount_points(types) {
            self.mounts.push(format!("umount -l '{point}'"));
        }
        self
    }

    /// With another mount.
    pub(crate) fn with_mount(mut self, kind: &str, point: &str) -> Self {
        self.mounts.push(format!("mount -t {kind} {kind} '{point}'"));
        self
    }

    /// Without BTF.
    pub(crate) fn without_types(self) -> Self {
        self.with_mount("tmpfs", "/sys/kernel/btf")
    }

    /// As root, but without a single capability.
    pub(crate) fn powerless_root(mut self) -> Self {
        self.privileges = ["--bounding-set=-all", "--inh-caps=-all"].map(str::to_owned).to_vec();
        self
    }

    /// As nobody, with these capabilities alone.
    pub(crate) fn nobody_with(mut self, capabilities: &[&str]) -> Self {
        self.privileges = ["--reuid", NOBODY_UID, "--regid", NOBODY_UID, "--clear-groups"].map(str::to_owned).to_vec();
        let list: String = capabilities.iter().map(|name| format!(",+{name}")).collect();
        self.privileges.push(format!("--inh-caps=-all{list}"));
        self.privileges.extend((!list.is_empty()).then(|| format!("--ambient-caps=-all{list}")));
        self
    }

    /// As nobody.
    pub(crate) fn nobody(self) -> Self {
        self.nobody_with(&[])
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, egret: &Installed, arguments: &[&str]) -> Ran {
        self.run_with(egret, arguments, Stdio::piped())
    }

    /// The same with another standard output.
    pub(crate) fn run_with(&self, egret: &Installed, arguments: &[&str], stdout: Stdio) -> Ran {
        let words = self.wrapped(&egret.program());
        let (first, rest) = words.split_first().unwrap();
        let mut command = Command::new(first);
        command.args(rest).args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        Ran::new(command.spawn().unwrap().wait_with_output().unwrap(), arguments)
    }

    /// Starts a trace, runs a function once it captures, and closes its output after the first matching event.
    pub(crate) fn run_until_first_line(&self, egret: &Installed, arguments: &[&str], action: impl FnOnce()) -> Ran {
        let words = self.wrapped(&egret.program());
        let (first, rest) = words.split_first().unwrap();
        let mut command = Command::new(first);
        command.args(rest).args(arguments).env("EGRET_LOG", "info").stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("capture started") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "no capture: {said}");
        }
        action();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        stderr.read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        Ran::new(Output { status, stdout: line.into_bytes(), stderr: said.into_bytes() }, arguments)
    }

    /// The command line of the program with the wrappers that make the environment.
    fn wrapped(&self, program: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["timeout", "--kill-after=5", LIMIT_SECONDS].map(Into::into).to_vec();
        if !self.mounts.is_empty() {
            let script = format!("set -e; {}; exec \"$@\"", self.mounts.join("; "));
            words.extend(["unshare", "--mount", "--propagation", "private", "sh", "-c"].map(Into::into));
            words.extend([script.into(), "sh".into()]);
        }
        if !self.privileges.is_empty() {
            words.push("setpriv".into());
            words.extend(self.privileges.iter().map(Into::into));
        }
        words.push(program.into());
        words
    }
}

/// Where file systems of these types are mounted, innermost first.
fn mount_points(types: &[&str]) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mut points: Vec<String> =
        fields.filter(|mount| types.contains(&mount[2])).map(|mount| mount[1].into()).collect();
    points.reverse();
    points
}

/// Output and exit status of a program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    arguments: String,
}

impl Ran {
    fn new(output: Output, arguments: &[&str]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let status = output.status.code().unwrap_or(-1);
        let arguments = arguments.join(" ");
        Self { status, stdout: text(&output.stdout), stderr: text(&output.stderr), arguments }
    }

    /// Fails the test unless the exit status is this.
    pub(crate) fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Fails the test unless all of this is on standard error.
    pub(crate) fn stderr_has(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} on standard error: {self}");
        }
        self
    }

    /// Fails the test if any of this is on standard error.
    pub(crate) fn stderr_lacks(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(!self.stderr.contains(text), "{text:?} on standard error: {self}");
        }
        self
    }

    /// Fails the test unless the tally of a trace is present and adds up.
    pub(crate) fn adds_up(self) -> Self {
        let line =
            self.stderr.lines().find(|line| line.starts_with("captured=")).unwrap_or_else(|| panic!("no sum: {self}"));
        let number = |word: &str| word.split('=').nth(1).and_then(|number| number.parse::<u64>().ok());
        let numbers: Vec<u64> = line.split(' ').filter_map(number).collect();
        let [captured, delivered, lost] = numbers[..] else { panic!("not a sum: {self}") };
        assert_eq!(captured, delivered + lost, "{self}");
        self
    }

    /// Standard output, line by line.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, stdout, stderr, arguments } = self;
        write!(f, "`egret {arguments}` ended with {status}\n--- stdout\n{stdout}--- stderr\n{stderr}---")
    }
}
