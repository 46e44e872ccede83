//! Child processes. Each is printed as a line that can be pasted into a shell, and timed.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::workspace;

/// Prints what runs and why, runs it, and prints how long it took.
///
/// The child writes to standard error: standard output belongs to the program that the user asked for.
pub(crate) fn step(what: &str, why: &str, command: &mut Command) -> Result<()> {
    command.stdout(Stdio::from(io::stderr()));
    step_with_output(what, why, command)
}

/// Like [`step`], but the child writes to standard output.
pub(crate) fn step_with_output(what: &str, why: &str, command: &mut Command) -> Result<()> {
    eprintln!("==> {what}: {why}");
    eprintln!("    {}", shell_line(command));
    let started = Instant::now();
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{what}: {} ended with {status} after {seconds:.1} s", name(command));
    }
    eprintln!("    {what}: done in {seconds:.1} s");
    Ok(())
}

/// Whether the command can be started and exits with 0; its output is discarded.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Standard output of a command, if it can be started and exits with 0.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The Cargo that started this program, in the workspace's root, with the path of the compiled kernel side in its environment.
pub(crate) fn cargo() -> Result<Command> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root()?);
    cargo.env(workspace::BPF_OBJECT_VARIABLE, workspace::bpf_object()?);
    forget_this_package(&mut cargo);
    Ok(cargo)
}

/// Removes the variables that Cargo sets for this package. Build scripts that depend on them (ring's) would otherwise run
/// again whenever `cargo xtask` and a plain `cargo` alternate, and a fifth of all dependencies would be built again.
pub(crate) fn forget_this_package(command: &mut Command) {
    let of_package = |name: &OsStr| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    };
    for (name, _) in env::vars_os().filter(|(name, _)| of_package(name)) {
        command.env_remove(name);
    }
}

/// The path of a program, searched for in `PATH` and in the `sbin` directories: Debian has `ip` and others there, which are
/// not in a user's `PATH`.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|directory| directory.join(program)).find(|file| file.is_file())
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The command as a shell line, with the variables that are set for it.
pub(crate) fn shell_line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(key, value)| {
        let value = value?;
        Some(format!("{}={}", key.to_string_lossy(), quoted(value)))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_line_survives_a_shell() {
        let words = ["plain", "", "two words", "it's", "--cfg=arch=\"x86_64\"", "$HOME"];
        let mut command = Command::new("printf");
        command.arg(r"%s\n").args(words);
        let seen = output(Command::new("sh").args(["-c", &shell_line(&command)])).unwrap();
        assert_eq!(seen.lines().collect::<Vec<_>>(), words);
    }

    #[test]
    fn shell_line_sets_variables() {
        let mut command = Command::new("sh");
        command.env("GREETING", "good day").args(["-c", "echo $GREETING"]);
        let seen = output(Command::new("sh").args(["-c", &shell_line(&command)])).unwrap();
        assert_eq!(seen, "good day\n");
    }

    #[test]
    fn failing_child_fails_the_step() {
        let error = step("trial", "must fail", Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }
}
