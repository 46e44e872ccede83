//! A machine in QEMU with another kernel and the host's files.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::arm64;
use crate::features::{Evidence, NOTHING_LOST, features};
use crate::results::Results;

/// Without hardware to help, a machine is some twenty times slower than the host: seconds for all that is done in it.
const LIMIT_SECONDS: &str = "3600";
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels");

/// How much of egret is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Scope {
    /// Every program loads, and one connection is traced.
    Ordinary,
    /// The same with control groups of both versions, as systemd's hybrid layout has them.
    Hybrid,
    /// The same with control groups of the first version alone.
    Legacy,
    /// The firewall beside those of others.
    Others,
    /// Traffic of every kind, on a machine without the host's programs.
    Traffic,
    /// Everything.
    Full,
}

impl Scope {
    /// Whether evidence is looked for.
    pub(crate) fn has(self, evidence: &Evidence) -> bool {
        match (self, evidence) {
            (Self::Full | Self::Others, Evidence::Fact(name)) => (self == Self::Others) == name.starts_with("others."),
            (Self::Others, _) => false,
            (Self::Full, _) => true,
            (_, Evidence::Traffic(way, _)) => ways(self).any(|one| one == *way),
            (Self::Ordinary, Evidence::Seen(..)) => true,
            (_, Evidence::Seen(name, _)) => *name == NOTHING_LOST,
            (_, Evidence::Fact(_)) => false,
        }
    }

    /// Whether traffic of every kind is made.
    fn has_all_traffic(self) -> bool {
        matches!(self, Self::Traffic | Self::Full)
    }

    /// For the name of a test, and of files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ordinary | Self::Traffic | Self::Full => "",
            Self::Hybrid => "-hybrid",
            Self::Legacy => "-legacy",
            Self::Others => "-others",
        }
    }

    /// The layer that egret should take.
    pub(crate) const fn layer(self) -> &'static str {
        match self {
            Self::Legacy => "syscalls",
            Self::Ordinary | Self::Hybrid | Self::Others | Self::Traffic | Self::Full => "sockets",
        }
    }
}

/// One kernel, unpacked, and what is done with it.
pub(crate) struct Machine {
    version: String,
    place: PathBuf,
    scope: Scope,
}

impl Machine {
    pub(crate) fn new(version: &str, place: &Path, scope: Scope) -> Self {
        Self { version: version.to_owned(), place: place.canonicalize().expect("it was looked for"), scope }
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Boots it, has it look at egret, and reads what it left. In ordinary tests, a machine that does not even start says nothing
    /// about egret: that is the error.
    pub(crate) fn run(&self) -> Result<Results, String> {
        let scope = self.scope;
        let out = self.out();
        let _ = fs::remove_dir_all(&out);
        fs::create_dir_all(&out).unwrap();
        fs::write(out.join("ways"), ways(scope).map(|way| format!("{way}\n")).collect::<String>()).unwrap();
        let script = out.join("start.sh");
        let settings = [
            ("OUT", out.display().to_string()),
            ("EGRET_BIN", egret_tests::egret().canonicalize().unwrap().display().to_string()),
            ("EGRET_TRAFFIC", egret_tests::traffic().canonicalize().unwrap().display().to_string()),
            ("TESTS", SCRIPTS.to_owned()),
            ("LAYOUT", scope.name().to_owned()),
            ("LAYER", scope.layer().to_owned()),
            ("PACKAGES", self.packages().map_or_else(String::new, |place| place.display().to_string())),
            ("FULL", if scope == Scope::Full { "yes" } else { "" }.to_owned()),
        ];
        let lines: String = settings.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        fs::write(&script, format!("{lines}. '{SCRIPTS}/look.sh'\n")).unwrap();
        match scope {
            Scope::Traffic => arm64::boot(&self.place, &out, LIMIT_SECONDS),
            Scope::Ordinary | Scope::Hybrid | Scope::Legacy | Scope::Others | Scope::Full => self.boot(&script),
        }
        if scope == Scope::Ordinary && !out.join("release").exists() {
            return Err(format!(
                "Linux {} does not start in QEMU here; its console is {}",
                self.version,
                self.out().join("console").display()
            ));
        }
        assert!(out.join("finished").exists(), "Linux {} did not come to its end\n{}", self.version, self.outputs());
        Ok(Results::read(&self.version, &out, scope))
    }

    fn boot(&self, script: &Path) {
        let programs = python().parent().expect("a program is in a directory").to_owned();
        let path = env::join_paths(
            [programs.clone()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
        );
        // The modules are found from where the kernel really is.
        let kernel = self.place.join("kernel").canonicalize().unwrap();
        let console = fs::File::create(self.out().join("console")).unwrap();
        let mut command = Command::new("timeout");
        command.arg(LIMIT_SECONDS).arg(programs.join("vng")).arg("--run").arg(kernel);
        // What a kernel does against attacks on the processor is the slowest of what is emulated.
        command.args(["--append", "mitigations=off"]);
        command.args(["--disable-kvm", "--disable-microvm", "--force-9p", "--user", "root"]);
        // What other firewalls bring stays in memory.
        let memory = if self.scope == Scope::Others { "4G" } else { "2G" };
        command.args(["--cpus", "2", "--memory", memory]).arg("--rwdir").arg(self.out());
        command.arg("--exec").arg(format!("sh {}", script.display())).env("PATH", path.unwrap());
        let errors = console.try_clone().unwrap();
        // How it ends says nothing: what it left does.
        let _ = command.current_dir(self.out()).stdin(Stdio::null()).stdout(console).stderr(errors).status().unwrap();
    }

    /// The packages of other firewalls, where those are tried.
    fn packages(&self) -> Option<PathBuf> {
        let place = self.place.parent().expect("it is below the directory of kernels").join("packages");
        (self.scope == Scope::Others).then_some(place)
    }

    fn out(&self) -> PathBuf {
        self.place.join(format!("out{}", self.scope.name()))
    }

    /// What it said, for a test that fails.
    pub(crate) fn outputs(&self) -> String {
        let read = |name: &str| format!("{name}:\n{}\n", fs::read_to_string(self.out().join(name)).unwrap_or_default());
        ["console", "doctor.json", "doctor.err", "trace.err", "facts", "daemon.log"].map(read).concat()
    }
}

/// The interpreter that has virtme-ng.
pub(crate) fn python() -> PathBuf {
    env::var_os("EGRET_PYTHON_MACHINES").map_or_else(|| "target/python-machines/bin/python".into(), PathBuf::from)
}

/// The kinds of traffic to be made, in the order of their files.
pub(crate) fn ways(scope: Scope) -> impl Iterator<Item = &'static str> {
    let evidence = features().flat_map(|feature| feature.evidence);
    let ways = evidence.filter_map(|evidence| match evidence {
        Evidence::Traffic(way, _) => Some(*way),
        Evidence::Seen(..) | Evidence::Fact(_) => None,
    });
    ways.take(if scope.has_all_traffic() { usize::MAX } else { 1 })
}
