//! Programs that run another one by its name: the dynamic loader, and busybox with its applets.

use std::sync::Arc;

use super::grammar::{Grammar, Operand, Takes};
use super::{CommandLine, Script, path, shells};

/// ld.so(8).
static LOADER: Grammar = Grammar {
    options: &[
        ("--list --verify --inhibit-cache --list-tunables --list-diagnostics --help --version", Takes::Flag),
        (
            "--library-path --inhibit-rpath --audit --preload --argv0 --glibc-hwcaps-prepend --glibc-hwcaps-mask",
            Takes::Value,
        ),
    ],
    operand: Operand::File,
    habits: &[],
};

/// `ld-linux-x86-64.so.2`, `ld-musl-aarch64.so.1`, `ld-2.31.so`, `ld.so`.
pub(super) fn is_loader(name: &str) -> bool {
    (name.starts_with("ld-") || name.starts_with("ld.so") || name.starts_with("ld64.so")) && name.contains(".so")
}

/// The program that the loader runs, and what that interprets.
pub(super) fn script(line: CommandLine<'_>) -> Script {
    let Some((program, args)) = program(line) else { return Script::Unknown };
    behind(&program, &CommandLine { executable: &program, args, ..line }.script())
}

/// [`CommandLine::fallible_path`] of the program that the loader runs.
pub(super) fn fallible_path(line: CommandLine<'_>) -> Option<String> {
    let (program, args) = program(line)?;
    CommandLine { executable: &program, args, ..line }.fallible_path()
}

/// The program that the loader runs, which is none itself, with its arguments.
fn program(line: CommandLine<'_>) -> Option<(Arc<str>, &[Arc<str>])> {
    let scan = line.scan(&LOADER);
    // A name without a slash is looked for among libraries.
    let at = scan.operand_at().filter(|at| line.args.get(*at).is_some_and(|program| program.contains('/')))?;
    let Script::Known(program) = scan.script(line) else { return None };
    (!is_loader(path::name(&program))).then(|| (program, line.args.get(at..).unwrap_or_default()))
}

/// The applet that busybox runs, and its script if that is a shell.
pub(super) fn applet(line: CommandLine<'_>) -> Script {
    let called = line.args.first().map_or("", |name| path::name(name).trim_start_matches('-'));
    let args = if called.starts_with("busybox") { line.args.get(1..).unwrap_or_default() } else { line.args };
    let Some(applet) = args.first().map(|name| path::name(name).trim_start_matches('-')) else {
        return Script::Unknown;
    };
    if applet.is_empty() || applet.contains('\u{fffd}') || line.truncated && args.len() == 1 {
        return Script::Unknown;
    }
    let inner = match applet {
        "sh" | "ash" | "hush" => CommandLine { args, ..line }.scan(&shells::DASH).script(CommandLine { args, ..line }),
        _ => Script::Inapplicable,
    };
    behind(applet, &inner)
}

fn behind(program: &str, inner: &Script) -> Script {
    match inner {
        Script::Inapplicable => Script::known(program),
        Script::Known(script) => Script::known(format!("{program} {script}")),
        Script::Unknown => Script::Unknown,
    }
}
