//! Starts a judge, and ends it without leaving anything behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::baseline;
use super::hosts::{Hosts, run};
use super::judge::Judge;
use crate::collector::Programs;

/// With 100,000 rules to read, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
const END_WITHIN: Duration = Duration::from_secs(20);
/// The match of new connections, which are accepted or queued.
const NEW: [&str; 6] = ["OUTPUT", "-m", "conntrack", "--ctstate", "NEW", "-j"];
/// The example as Debian installs it.
const EXAMPLE: &str = "/usr/share/doc/libnetfilter-queue-dev/examples/nf-queue.c";

/// A running judge, ended when this is dropped.
pub(super) struct Running<'a> {
    hosts: &'a Hosts,
    /// The arguments that remove its rule, if we installed it.
    rule: Option<Vec<&'static str>>,
    program: Option<Child>,
}

impl<'a> Running<'a> {
    /// Starts it, and waits until it receives packets.
    pub(super) fn start(judge: Judge, programs: &Programs, hosts: &'a Hosts) -> Result<Self> {
        let mut running = Self { hosts, rule: None, program: None };
        match judge {
            Judge::Nobody => {}
            Judge::Conntrack | Judge::Control => running.install(&["ACCEPT"])?,
            Judge::C => {
                running.launch(hosts.command(&example(programs)?.to_string_lossy()).arg("0"))?;
                running.wait_until("a queue", |hosts| Ok(!hosts.queues()?.is_empty()))?;
                running.install(&["NFQUEUE", "--queue-num", "0"])?;
            }
            Judge::Opensnitch => running.start_opensnitch(programs)?,
            _ => {
                let (mode, rules) = judge.egret().context("what is left is egret")?;
                running.start_egret(programs, mode, rules)?;
            }
        }
        Ok(running)
    }

    /// Installs our rule.
    fn install(&mut self, target: &[&'static str]) -> Result<()> {
        let rule = [&NEW, target].concat();
        run(self.hosts.command("iptables").arg("-A").args(&rule))?;
        self.rule = Some(rule);
        Ok(())
    }

    fn launch(&mut self, command: &mut Command) -> Result<()> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.program = Some(quiet.spawn().with_context(|| format!("cannot run {command:?}"))?);
        Ok(())
    }

    /// With its defaults, all files on tmpfs, but with evaluation of loopback, which is off by default.
    fn start_egret(&mut self, programs: &Programs, mode: &str, rules: usize) -> Result<()> {
        let state = fresh(&programs.scratch().join("state"))?;
        let (file, socket) = (state.join("baseline"), state.join("egret.sock"));
        fs::write(&file, baseline::text(rules)?)?;
        let mut command = self.hosts.command(&programs.egret.to_string_lossy());
        command.args(["run", "--config", "/dev/null"]);
        command.env("EGRET_LOG_FILTER", "warn").env("EGRET_CONTROL_SOCKET", &socket);
        command.env("EGRET_PARQUET_DESTINATION", state.join("log")).env("EGRET_METRICS_LISTEN", "127.0.0.1:0");
        command.env("EGRET_BASELINE_FILE", &file).env("EGRET_ENFORCE_STATE", state.join("mode.json"));
        command.env("EGRET_ENFORCE_MODE", mode).env("EGRET_ENFORCE_LOOPBACK", "judge");
        self.launch(&mut command)?;
        self.wait_until("the mode", |_| Ok(mode_of(&programs.egret, &socket).as_deref() == Some(mode)))?;
        if mode != "observe" {
            self.wait_until("a queue", |hosts| Ok(!hosts.queues()?.is_empty()))?;
        }
        Ok(())
    }

    /// Its configuration has a fixed path: the files of the package are mounted there for this program only.
    fn start_opensnitch(&mut self, programs: &Programs) -> Result<()> {
        const BEFORE: &str = "mount -t overlay -o \"lowerdir=$1:/etc\" overlay /etc && shift && exec \"$@\"";
        let rules = fresh(&programs.scratch().join("opensnitch"))?;
        let daemon = search("opensnitchd").context("there is no opensnitchd; start with `cargo xtask bench`")?;
        let package = daemon.ancestors().nth(3).context("it is in usr/bin")?.join("etc");
        let mut command = self.hosts.command("unshare");
        command.args(["--mount", "--", "sh", "-c", BEFORE, "sh"]).arg(package).arg(&daemon);
        command.args(["-process-monitor-method", "proc", "-rules-path"]).arg(&rules);
        command.args(["-ui-socket", "unix:///dev/null", "-log-file", "/dev/null"]);
        self.launch(&mut command)?;
        self.wait_until("a queue", |hosts| Ok(!hosts.queues()?.is_empty()))?;
        self.wait_until("a rule", |hosts| {
            let rules = hosts.command("iptables-save").output().context("cannot run iptables-save")?;
            Ok(String::from_utf8_lossy(&rules.stdout).contains("NFQUEUE"))
        })
    }

    fn wait_until(&mut self, what: &str, mut condition: impl FnMut(&Hosts) -> Result<bool>) -> Result<()> {
        let begin = Instant::now();
        while !condition(self.hosts)? {
            if let Some(status) = self.program.as_mut().and_then(|program| program.try_wait().transpose()) {
                bail!("it ended at once ({})", status?);
            }
            if begin.elapsed() > READY_WITHIN {
                bail!("waited {READY_WITHIN:?} in vain for {what}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends it, and checks that nothing is left of it.
    pub(super) fn stop(mut self) -> Result<()> {
        self.end()?;
        let rules = self.hosts.command("iptables-save").output().context("cannot run iptables-save")?;
        let rules = String::from_utf8_lossy(&rules.stdout);
        if let Some(left) = rules.lines().find(|line| line.starts_with("-A ")) {
            bail!("a rule was left behind: {left}");
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if let Some(rule) = self.rule.take() {
            run(self.hosts.command("iptables").arg("-D").args(&rule))?;
        }
        if let Some(mut program) = self.program.take() {
            kill(Pid::from_raw(i32::try_from(program.id())?), Signal::SIGTERM)?;
            let begin = Instant::now();
            while program.try_wait()?.is_none() {
                if begin.elapsed() > END_WITHIN {
                    program.kill()?;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        // OpenSnitch leaves its rules if it is ended during its start.
        run(self.hosts.command("iptables").args(["-t", "mangle", "-F"]))?;
        run(self.hosts.command("iptables").arg("-F"))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// An empty directory.
fn fresh(directory: &Path) -> Result<PathBuf> {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory.to_owned())
}

/// The mode of a daemon, once it answers.
fn mode_of(egret: &Path, socket: &Path) -> Option<String> {
    let output = Command::new(egret).args(["status", "--json", "--socket"]).arg(socket).output().ok()?;
    let status: Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(status.get("mode")?.as_str()?.to_owned())
}

/// The compiled example.
fn example(programs: &Programs) -> Result<PathBuf> {
    let program = programs.scratch().join("nf-queue");
    if !program.exists() {
        let mut compile = Command::new("cc");
        compile.args(["-O2", "-o"]).arg(&program).args([EXAMPLE, "-lnetfilter_queue", "-lmnl"]);
        run(&mut compile)?;
    }
    Ok(program)
}

/// A program on the search path.
fn search(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|directory| directory.join(name)).find(|path| path.is_file())
}
