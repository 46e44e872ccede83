//! The programs that change the kernel's rules.
//!
//! Their text is the one stable interface to all of iptables, and the one that an administrator can read and repeat.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;

use super::rule::Family;

/// Where the tools are looked for: never in a path that somebody set.
const DIRECTORIES: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Where the tools are.
#[derive(Clone, Debug)]
pub struct Tools {
    directories: Vec<PathBuf>,
}

impl Default for Tools {
    fn default() -> Self {
        Self { directories: DIRECTORIES.map(PathBuf::from).to_vec() }
    }
}

/// A tool that did not do what it was to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot {purpose}: {fault}")]
pub struct ToolError {
    /// What it was to do.
    pub purpose: &'static str,
    /// What became of it.
    pub fault: Fault,
}

/// What became of a tool.
#[derive(Debug)]
pub enum Fault {
    /// It is not there.
    Missing {
        /// Its name.
        tool: String,
    },
    /// It could not be run.
    Unusable {
        /// Where it is.
        tool: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It ended with an error.
    Failed {
        /// Where it is.
        tool: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// It does not show what there is.
    Unreadable {
        /// Its name.
        tool: String,
        /// The table.
        table: &'static str,
        /// The family of the table.
        family: Family,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { tool } => {
                write!(formatter, "there is no {tool} on this host; install the package {}", package(tool))
            }
            Self::Unusable { tool, source } => write!(formatter, "{}: {source}", tool.display()),
            Self::Failed { tool, status, stderr } => {
                let said = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
                write!(formatter, "{} ended with {status}: {said}", tool.display())?;
                remedy(stderr).map_or(Ok(()), |remedy| write!(formatter, "; {remedy}"))
            }
            Self::Unreadable { tool, table, family } => {
                let of_nft = if *family == Family::V4 { "ip" } else { "ip6" };
                write!(
                    formatter,
                    "{tool} cannot show the table `{table}`: it has rules in it that only nft knows, see \
                     `nft list table {of_nft} {table}`; they belong into a table of another name"
                )
            }
        }
    }
}

/// The package that has it, in every distribution that is known to have it.
fn package(tool: &str) -> &'static str {
    if tool == "nft" { "nftables" } else { "iptables" }
}

fn remedy(stderr: &str) -> Option<&'static str> {
    let says = |words: &str| stderr.contains(words);
    if says("xtables lock") {
        return Some("another program has held the lock all the time, see `fuser -v /run/xtables.lock`");
    }
    if says(LOCK) {
        return Some("only root can lock the rules of iptables-legacy");
    }
    if says("do you need to insmod") || says("missing kernel module") {
        return Some(
            "the kernel lacks the tables and did not load their modules: `modprobe iptable_mangle iptable_filter`, and \
             ip6table_mangle and ip6table_filter for IPv6, say why",
        );
    }
    if says("No chain/target/match by that name") || says("RULE_APPEND failed (No such file") {
        return Some(
            "the kernel lacks one of the modules xt_NFQUEUE, xt_mark, xt_connmark, xt_conntrack, xt_owner, xt_cgroup, \
             xt_multiport, xt_addrtype, xt_comment and ipt_REJECT, and did not load it: `modprobe` says why",
        );
    }
    if says("queue num") && says("No such file or directory") {
        return Some(
            "the kernel lacks the module nft_queue or nft_fib_inet and did not load it: `modprobe nft_queue` and \
             `modprobe nft_fib_inet` say why",
        );
    }
    if lacks_privilege(stderr) {
        return Some("it takes CAP_NET_ADMIN, and for iptables-legacy root");
    }
    None
}

const LOCK: &str = "xtables.lock";

fn lacks_privilege(stderr: &str) -> bool {
    [LOCK, "Permission denied", "not permitted", "must be root"].iter().any(|words| stderr.contains(words))
}

impl ToolError {
    /// Whether the tool could not show what there is.
    pub(crate) const fn is_unreadable(&self) -> bool {
        matches!(self.fault, Fault::Unreadable { .. })
    }

    /// Whether there is no such tool, or it may not do anything here: it has done nothing before either.
    #[must_use]
    pub fn is_powerless(&self) -> bool {
        match &self.fault {
            Fault::Missing { .. } => true,
            Fault::Failed { stderr, .. } => lacks_privilege(stderr),
            Fault::Unusable { .. } | Fault::Unreadable { .. } => false,
        }
    }

    /// Whether the tool said this.
    pub(crate) fn said(&self, words: &str) -> bool {
        matches!(&self.fault, Fault::Failed { stderr, .. } if stderr.contains(words))
    }
}

impl Tools {
    /// Tools that are looked for in these directories.
    #[must_use]
    pub fn within(directories: Vec<PathBuf>) -> Self {
        Self { directories }
    }

    /// Where a tool is.
    pub(crate) fn find(&self, tool: &str) -> Option<PathBuf> {
        self.directories.iter().map(|directory| directory.join(tool)).find(|path| path.is_file())
    }

    /// Runs a tool with this input, and gives what it printed.
    pub(crate) fn run(
        &self,
        purpose: &'static str,
        tool: &str,
        words: &[&str],
        input: &str,
    ) -> Result<String, ToolError> {
        let fail = |fault| ToolError { purpose, fault };
        let path = self.find(tool).ok_or_else(|| fail(Fault::Missing { tool: tool.to_owned() }))?;
        let output = match run(&path, words, input) {
            Ok(output) => output,
            Err(source) => return Err(fail(Fault::Unusable { tool: path, source })),
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(fail(Fault::Failed { tool: path, status: output.status, stderr }))
    }
}

/// Its messages are looked at, so they have to be in English; and no variable of egret's reaches it.
fn run(path: &Path, words: &[&str], input: &str) -> io::Result<Output> {
    let mut command = Command::new(path);
    command.args(words).env_clear().env("PATH", DIRECTORIES.join(":")).env("LC_ALL", "C");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        // Beside the reading: neither waits for the other when the input is longer than a pipe holds. A tool that does not
        // read to the end says why itself.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    })
}

#[cfg(test)]
mod tests {
    use super::{Fault, Tools};

    #[test]
    fn missing_tool_error_names_its_package() {
        let tools = Tools::within(vec!["/nonexistent".into()]);
        let message = |tool| tools.run("install the rules", tool, &[], "").unwrap_err().to_string();
        assert_eq!(
            message("nft"),
            "cannot install the rules: there is no nft on this host; install the package nftables"
        );
        assert_eq!(
            message("ip6tables-restore"),
            "cannot install the rules: there is no ip6tables-restore on this host; install the package iptables"
        );
    }

    #[test]
    fn error_quotes_the_failed_tool() {
        let error = Tools::default().run("try", "sh", &["-c", "echo >&2 one; echo >&2 two; exit 3"], "").unwrap_err();
        assert!(error.to_string().ends_with("/sh ended with exit status: 3: one two"), "{error}");
        assert!(error.said("two"));
        let locked = "echo >&2 Another app is currently holding the xtables lock; exit 4";
        let error = Tools::default().run("try", "sh", &["-c", locked], "").unwrap_err();
        assert!(error.to_string().ends_with("see `fuser -v /run/xtables.lock`"), "{error}");
    }

    #[test]
    fn missing_module_is_named() {
        for (said, module) in [
            ("iptables: No chain/target/match by that name.", "xt_NFQUEUE"),
            ("line 4: RULE_APPEND failed (No such file or directory): rule in chain egret", "xt_NFQUEUE"),
            (
                "can't initialize iptables table `mangle': Table does not exist (do you need to insmod?)",
                "iptable_mangle",
            ),
            ("Error: Could not process rule: No such file or directory\nqueue num 0\n^^^^^^^^^^^", "nft_queue"),
        ] {
            let script = format!("cat >&2 <<'END'\n{said}\nEND\nexit 1");
            let error = Tools::default().run("try", "sh", &["-c", &script], "").unwrap_err().to_string();
            assert!(error.contains(module) && error.contains("modprobe"), "{error}");
        }
    }

    #[test]
    fn tool_inherits_no_environment() {
        let printed = Tools::default().run("look", "env", &[], "").unwrap();
        assert_eq!(printed.lines().count(), 2, "{printed}");
    }

    #[test]
    fn long_input_and_output_do_not_deadlock() {
        let input = "0123456789abcdef\n".repeat(1 << 16);
        assert_eq!(Tools::default().run("copy", "cat", &[], &input).unwrap(), input);
        // And one that reads nothing.
        assert_eq!(Tools::default().run("ignore", "true", &[], &input).unwrap(), "");
    }

    #[test]
    fn tool_that_cannot_be_executed_is_named() {
        let tools = Tools::within(vec!["/etc".into()]);
        let error = tools.run("try", "passwd", &[], "").unwrap_err();
        assert!(matches!(error.fault, Fault::Unusable { .. }), "{error}");
    }
}
