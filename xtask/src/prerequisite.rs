//! What the tasks need on the machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::apt;
use crate::command::{cargo, find_program, step, succeeds};
use crate::cross;
use crate::kernels;
use crate::node;
use crate::privilege::as_root;
use crate::python::{self, Environment};
use crate::toolchain::{DEBIAN_PACKAGES, Toolchain, has_rustup};
use crate::unpacked;

/// What the machine is set up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Purpose {
    /// Build egret and trace with it.
    Run,
    /// Also run every test but the long ones.
    Test,
    /// Also run the long tests: `cargo xtask test --full`.
    LongTest,
    /// Also boot kernels of distributions: `cargo xtask test --kernels`.
    KernelTest,
    /// Build a Debian package.
    Deb,
    /// Also format, lint, and check dependencies and spelling.
    Check,
    /// Also measure.
    Bench,
    /// Also build for arm64: `cargo xtask build --target aarch64-unknown-linux-gnu`.
    Arm64,
    /// Also run tests for arm64: `cargo xtask test --target aarch64-unknown-linux-gnu`.
    Arm64Test,
    /// All of these.
    Full,
}

/// A program, file or setting that has to be on the machine.
pub(crate) struct Prerequisite {
    /// Name for reports.
    pub(crate) name: &'static str,
    /// What it is needed for: completes "needed, because it ...".
    pub(crate) why: &'static str,
    purposes: &'static [Purpose],
    /// Purposes that go on without it.
    optional: &'static [Purpose],
    kind: Kind,
}

/// How a prerequisite is found and installed.
enum Kind {
    /// The compiler for the kernel side.
    BpfCompiler,
    /// The linker for the kernel side.
    BpfLinker,
    /// Clippy for the kernel side's compiler.
    BpfClippy,
    /// A component of the toolchain that runs this program: its Cargo subcommand and rustup name.
    Component(&'static str, &'static str),
    /// The standard library of another machine, by its triple.
    StandardLibrary(&'static str),
    /// A program from the named Debian package.
    Program(&'static str, &'static str),
    /// A file from the named Debian package.
    File(&'static str, &'static str),
    /// A program from the named Debian package, which is unpacked and not installed: installing it would start a service.
    Unpacked(&'static str, &'static str),
    /// A program from the named Debian package, which is installed where nothing has to be removed for it, and else unpacked with
    /// all that it needs.
    Apart(&'static str, &'static str),
    /// The kernel's file system of tracepoints, mounted where it belongs.
    Tracefs,
    /// A program from the named crate, at the version after the `@`.
    Crate(&'static str, &'static str),
    /// A Python environment with the packages of a list, below Cargo's target directory.
    Python(&'static Environment),
    /// The npm packages of `tests/grafana/render`.
    Node,
    /// The kernels that ordinary tests boot.
    Kernels,
}

use Purpose::{Arm64, Arm64Test, Bench, Check, Deb, KernelTest, LongTest, Run, Test};

/// Everything needs what `run` needs: the crates embed the kernel side when they are compiled.
const ALWAYS: &[Purpose] = &[Run, Test, LongTest, KernelTest, Check, Bench, Deb, Arm64, Arm64Test];
/// The long tests are run with all others.
const TESTS: &[Purpose] = &[Test, LongTest, KernelTest];

const FOR_ARM64: &[Purpose] = &[Arm64, Arm64Test];

const fn need(name: &'static str, why: &'static str, purposes: &'static [Purpose], kind: Kind) -> Prerequisite {
    Prerequisite { name, why, purposes, optional: &[], kind }
}

/// A prerequisite for booting kernels. Without it ordinary tests skip those that boot kernels, and say so.
const fn optional(name: &'static str, why: &'static str, kind: Kind) -> Prerequisite {
    Prerequisite { name, why, purposes: TESTS, optional: &[Test, LongTest], kind }
}

/// The same, for all that boot kernels.
const fn optional_for_kernels(name: &'static str, why: &'static str, kind: Kind) -> Prerequisite {
    Prerequisite { name, why, purposes: &[Test, LongTest, KernelTest, Arm64Test], optional: &[Test, LongTest], kind }
}

/// One line an entry, in the order in which they are installed.
const TABLE: &[Prerequisite] = &[
    need("BPF compiler", "compiles the programs that run in the kernel", ALWAYS, Kind::BpfCompiler),
    need("bpf-linker", "links them into one object and writes its type information", ALWAYS, Kind::BpfLinker),
    need("tracefs", "lists the kernel's tracepoints", &[Run, Test, LongTest, Bench], Kind::Tracefs),
    need("iproute2", "makes network namespaces", &[Test, LongTest, Bench], Kind::Program("ip", "iproute2")),
    // The package has both iptables-nft and iptables-legacy; tests use both.
    need("iptables", "installs rules", &[Test, LongTest, Bench], Kind::Program("iptables-restore", "iptables")),
    need("nftables", "installs and lists rules in tests", TESTS, Kind::Program("nft", "nftables")),
    need("conntrack", "shows marks of connections in tests", TESTS, Kind::Program("conntrack", "conntrack")),
    need("dnsmasq", "answers for made-up names in tests", TESTS, Kind::Program("dnsmasq", "dnsmasq-base")),
    need("curl", "asks for made-up names in tests", TESTS, Kind::Program("curl", "curl")),
    need("faketime", "sets the clock of a daemon in tests", TESTS, Kind::Program("faketime", "faketime")),
    need("ping", "asks hosts for an echo in tests", TESTS, Kind::Program("ping", "iputils-ping")),
    need("openssl", "greets servers by name in tests", TESTS, Kind::Program("openssl", "openssl")),
    need("rustfmt", "checks the format", &[Check], Kind::Component("fmt", "rustfmt")),
    need("clippy", "lints", &[Check], Kind::Component("clippy", "clippy")),
    need("BPF clippy", "lints the programs that run in the kernel", &[Check], Kind::BpfClippy),
    need("cargo-deny", "checks licences and sources", &[Check], Kind::Crate("cargo-deny", "cargo-deny@0.20.2")),
    need("cargo-machete", "finds unused dependencies", &[Check], Kind::Crate("cargo-machete", "cargo-machete@0.9.2")),
    need("typos", "checks the spelling", &[Check], Kind::Crate("typos", "typos-cli@1.52.0")),
    need("bpftool", "lists the programs in the kernel", &[Test, LongTest, Bench], Kind::Program("bpftool", "bpftool")),
    need("prometheus", "scrapes egret in tests", &[Test, LongTest, Bench], Kind::Unpacked("prometheus", "prometheus")),
    need(
        "Python packages",
        "read Parquet files, receive spans and check examples in tests",
        &[Test, LongTest, Bench],
        Kind::Python(&python::USUAL),
    ),
    need("systemd-analyze", "checks the unit", TESTS, Kind::Program("systemd-analyze", "systemd")),
    need(
        "dpkg-shlibdeps",
        "finds the dependencies of the package",
        &[Deb, LongTest],
        Kind::Program("dpkg-shlibdeps", "dpkg-dev"),
    ),
    need(
        "debootstrap",
        "makes a Debian in which the package is installed",
        &[LongTest],
        Kind::Program("debootstrap", "debootstrap"),
    ),
    need("lintian", "checks the package", &[LongTest], Kind::Program("lintian", "lintian")),
    need("Java", "runs Spark", &[LongTest], Kind::Program("java", "default-jre-headless")),
    need("SQL engines", "compute baselines from logs in tests", &[LongTest], Kind::Python(&python::ENGINES)),
    need("node", "renders the dashboards in tests", &[LongTest], Kind::Program("node", "nodejs")),
    need("npm", "installs Grafana's libraries", &[LongTest], Kind::Program("npm", "npm")),
    need("chromium", "shows the dashboards in tests", &[LongTest], Kind::Program("chromium", "chromium")),
    need("npm packages", "are Grafana's libraries, and draw the dashboards in tests", &[LongTest], Kind::Node),
    optional("QEMU", "runs kernels in tests", Kind::Apart("qemu-system-x86_64", "qemu-system-x86")),
    optional_for_kernels("depmod", "lists the modules of kernels", Kind::File("/sbin/depmod", "kmod")),
    optional_for_kernels("busybox", "is what a kernel starts with", Kind::Program("busybox", "busybox-static")),
    optional("file", "tells the version of a kernel", Kind::Program("file", "file")),
    optional("virtme-ng", "boots kernels with the files of the host", Kind::Python(&python::MACHINES)),
    optional("kernels", "are what egret is examined on in tests", Kind::Kernels),
    need("arm64 std", "is the standard library on arm64", FOR_ARM64, Kind::StandardLibrary(cross::ARM64.triple)),
    need(
        "arm64 compiler",
        "compiles what is C, and links",
        FOR_ARM64,
        Kind::Program(cross::ARM64.compiler, "gcc-aarch64-linux-gnu"),
    ),
    need(
        "arm64 libc",
        "is linked to",
        FOR_ARM64,
        Kind::File("/usr/aarch64-linux-gnu/lib/crt1.o", "libc6-dev-arm64-cross"),
    ),
    need(
        "qemu-aarch64",
        "runs unit tests of arm64",
        &[Arm64Test],
        Kind::Unpacked("qemu-aarch64-static", "qemu-user-static"),
    ),
    need(
        "QEMU for arm64",
        "runs a kernel of arm64",
        &[Arm64Test],
        Kind::Apart("qemu-system-aarch64", "qemu-system-arm"),
    ),
    need("bpftrace", "is what egret is compared with", &[Bench], Kind::Program("bpftrace", "bpftrace")),
    need(
        "nf-queue.c",
        "is what egret's verdicts are compared with",
        &[Bench],
        Kind::File(NF_QUEUE, "libnetfilter-queue-dev"),
    ),
    need(
        "libmnl",
        "is used by a program that accepts every packet, in C",
        &[Bench],
        Kind::File("/usr/include/libmnl/libmnl.h", "libmnl-dev"),
    ),
    need("OpenSnitch", "is what egret is compared with", &[Bench], Kind::Unpacked("opensnitchd", "opensnitch")),
];

/// The prerequisites of `purpose`, in the order in which they are installed.
pub(crate) fn needed_for(purpose: Purpose) -> impl Iterator<Item = &'static Prerequisite> {
    TABLE.iter().filter(move |entry| purpose == Purpose::Full || entry.purposes.contains(&purpose))
}

/// The program among the examples of libnetfilter-queue that accepts every packet.
const NF_QUEUE: &str = "/usr/share/doc/libnetfilter-queue-dev/examples/nf-queue.c";

/// The usual mount point of tracefs.
const TRACEFS: &str = "/sys/kernel/tracing";

/// The `bpf-linker` that egret is built with.
const BPF_LINKER: &str = "bpf-linker@0.13.0";

impl Prerequisite {
    /// Whether `purpose` goes on without it.
    pub(crate) fn is_optional(&self, purpose: Purpose) -> bool {
        self.optional.contains(&purpose)
    }

    /// Whether it is installed and works.
    pub(crate) fn is_present(&self, toolchain: Toolchain) -> Result<bool> {
        Ok(match self.kind {
            Kind::BpfCompiler => toolchain.is_installed(),
            // The program is started, because the LLVM that it is linked to may have been removed.
            Kind::BpfLinker => succeeds(Command::new("bpf-linker").arg("--version")),
            Kind::BpfClippy => toolchain.has_clippy(),
            Kind::StandardLibrary(triple) => cross::has_standard_library(triple),
            Kind::Component(subcommand, _) => succeeds(cargo()?.args([subcommand, "--version"])),
            Kind::Program(program, _) | Kind::Crate(program, _) => find_program(program).is_some(),
            Kind::File(path, _) => Path::new(path).is_file(),
            Kind::Unpacked(program, _) => find_program(program).is_some() || unpacked::program(program)?.is_file(),
            // Started, not just found: the libraries that it was unpacked with may not fit those of the host any more.
            Kind::Apart(program, _) => {
                let found = find_program(program).map_or_else(|| unpacked::program(program), Ok)?;
                succeeds(Command::new(found).arg("--version"))
            }
            Kind::Tracefs => is_mounted("tracefs"),
            Kind::Python(environment) => environment.is_present()?,
            Kind::Node => node::is_present()?,
            Kind::Kernels => kernels::has_ordinary()?,
        })
    }

    /// How it would be installed.
    pub(crate) fn source(&self, toolchain: Toolchain) -> String {
        match (&self.kind, toolchain) {
            (Kind::BpfCompiler, Toolchain::Debian) => format!("apt-get install {}", DEBIAN_PACKAGES.join(" ")),
            (Kind::BpfCompiler, Toolchain::Nightly) => {
                "rustup toolchain install nightly --component rust-src".to_owned()
            }
            (Kind::BpfLinker, _) => format!("cargo install {BPF_LINKER}"),
            (Kind::BpfClippy, Toolchain::Debian) => "apt-get install rust-web-clippy".to_owned(),
            (Kind::BpfClippy, Toolchain::Nightly) => "rustup component add clippy --toolchain nightly".to_owned(),
            (Kind::StandardLibrary(triple), _) => format!("rustup target add {triple}"),
            (Kind::Component(_, component), _) => format!("rustup component add {component}"),
            (Kind::Program(_, package) | Kind::File(_, package), _) => format!("apt-get install {package}"),
            (Kind::Crate(_, package), _) => format!("cargo install {package}"),
            (Kind::Unpacked(_, package), _) => {
                format!("apt-get download {package}, unpacked below Cargo's target directory")
            }
            (Kind::Apart(_, package), _) => {
                format!(
                    "apt-get install {package}, or unpacked below Cargo's target directory if that would remove anything"
                )
            }
            (Kind::Tracefs, _) => format!("mount -t tracefs tracefs {TRACEFS}"),
            (Kind::Python(environment), _) => {
                format!("python3 -m venv, then pip install -r {}", environment.requirements)
            }
            (Kind::Node, _) => format!("npm ci, in {}", node::PROJECT),
            (Kind::Kernels, _) => {
                "apt-get download, with the lists of other releases, unpacked below Cargo's target directory".to_owned()
            }
        }
    }

    /// Installs it.
    pub(crate) fn install(&self, toolchain: Toolchain) -> Result<()> {
        let why = format!("{} {}", self.name, self.why);
        match (&self.kind, toolchain) {
            (Kind::BpfCompiler, Toolchain::Debian) => apt::install(&DEBIAN_PACKAGES, &why),
            (Kind::BpfCompiler, Toolchain::Nightly) => install_nightly(&why),
            (Kind::BpfLinker, _) => install_bpf_linker(toolchain, &why),
            (Kind::BpfClippy, Toolchain::Debian) => apt::install(&["rust-web-clippy"], &why),
            (Kind::BpfClippy, Toolchain::Nightly) => {
                rustup(&["component", "add", "clippy", "--toolchain", "nightly"], &why)
            }
            (Kind::StandardLibrary(triple), _) => rustup(&["target", "add", triple], &why),
            (Kind::Component(_, component), _) => rustup(&["component", "add", component], &why),
            (Kind::Program(_, package) | Kind::File(_, package), _) => apt::install(&[package], &why),
            (Kind::Unpacked(_, package), _) => unpacked::install(package, &why),
            (Kind::Apart(program, package), _) => {
                apt::refresh();
                if apt::offers(&[package]) {
                    apt::install(&[package], &why)
                } else {
                    unpacked::install_whole(program, package, &why)
                }
            }
            (Kind::Tracefs, _) => {
                let mut mount = as_root("mount", "mounting tracefs")?;
                step("tracefs", &why, mount.args(["-t", "tracefs", "tracefs", TRACEFS]))
            }
            (Kind::Python(environment), _) => environment.install(&why),
            (Kind::Node, _) => node::install(&why),
            (Kind::Kernels, _) => kernels::fetch_ordinary(),
            (Kind::Crate(_, package), _) => step(
                package,
                &format!("{why}; this takes some minutes, once"),
                cargo()?.args(["install", package, "--locked"]),
            ),
        }
    }
}

/// Whether a file system of this type is mounted anywhere.
fn is_mounted(kind: &str) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|mount| mount.split(' ').nth(2) == Some(kind))
}

/// A nightly that is already installed is not updated: the user may depend on its version.
fn install_nightly(why: &str) -> Result<()> {
    if succeeds(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
        return rustup(&["component", "add", "rust-src", "--toolchain", "nightly"], why);
    }
    rustup(&["toolchain", "install", "nightly", "--profile", "minimal", "--component", "rust-src"], why)
}

fn rustup(words: &[&str], why: &str) -> Result<()> {
    if !has_rustup() {
        bail!("rustup is not installed, so `rustup {}` cannot run: see https://rustup.rs", words.join(" "));
    }
    step("rustup", why, Command::new("rustup").args(words))
}

/// `bpf-linker` reads the compiler's bitcode, so it is built against the compiler's LLVM version.
fn install_bpf_linker(toolchain: Toolchain, why: &str) -> Result<()> {
    let llvm = toolchain.llvm().context("cannot find the LLVM version of the compiler for the kernel side")?;
    let prefix = format!("/usr/lib/llvm-{llvm}");
    let package = format!("llvm-{llvm}-dev");
    let packaged = || Path::new(&prefix).join("lib/libLLVM.so").exists();
    if !packaged() && apt::is_available() {
        apt::install(&[&package], "bpf-linker is linked to the LLVM of the compiler whose output it reads")?;
    }
    let mut command = cargo()?;
    if packaged() {
        command.env("LLVM_PREFIX", &prefix);
    }
    // LLVM does the work. The code compiled here only calls it, so a fast build matters more than fast code.
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    command.args(["install", BPF_LINKER, "--locked"]);
    command.args(["--no-default-features", "--features", &format!("llvm-{llvm}")]);
    step("bpf-linker", why, &mut command).with_context(|| {
        format!("{BPF_LINKER} could not be built against LLVM {llvm}; a prebuilt one on PATH will do: https://github.com/aya-rs/bpf-linker")
    })
}
