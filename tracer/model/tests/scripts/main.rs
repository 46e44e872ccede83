//! What interpreters run by their command lines: the table beside this file, read by egret and tried with the interpreters.
#![expect(clippy::unwrap_used, reason = "a test")]

mod interpreter;

use std::sync::Arc;

use egret_model::{CommandLine, Script};
use interpreter::Interpreter;

const TABLE: &str = include_str!("command_lines.txt");
/// Where scripts lie for those that are only read.
const DIRECTORY: &str = "/srv/app";

/// A line of the table.
struct Line {
    interpreter: &'static str,
    arguments: Vec<String>,
    script: &'static str,
    /// The interpreter runs just that.
    is_tried: bool,
}

fn lines() -> impl Iterator<Item = Line> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let tried = line.split_once(" => ").map(|(command, script)| (command, script, script != "?"));
        let (command, script, is_tried) = tried.unwrap_or_else(|| {
            let (command, script) = line.split_once(" ~> ").unwrap();
            (command, script, false)
        });
        let mut words = command.split(' ');
        Line {
            interpreter: words.next().unwrap(),
            arguments: words.map(|word| word.replace('␣', " ")).collect(),
            script,
            is_tried,
        }
    })
}

/// What egret reads from a command line, with a secret where the table has the text of a program.
fn read(path: &str, line: &Line, directory: Option<&str>) -> Script {
    let arguments = line.arguments.iter().map(|argument| argument.replace("TEXT", "open('hunter2')"));
    let args: Vec<Arc<str>> = std::iter::once(line.interpreter.to_owned()).chain(arguments).map(Arc::from).collect();
    CommandLine { executable: path, args: &args, truncated: false, directory }.script()
}

/// Whether a word of the table is a path.
fn is_path(script: &str) -> bool {
    !script.starts_with('-') && !["?", "eval", "exec"].contains(&script)
}

fn expected(script: &str) -> Script {
    match script.rsplit_once(' ') {
        _ if script == "?" => Script::Unknown,
        Some((applet, script)) if is_path(script) && applet != "-m" => {
            Script::Known(format!("{applet} {DIRECTORY}/{script}").into())
        }
        None if is_path(script) && !script.starts_with("com.") => Script::Known(format!("{DIRECTORY}/{script}").into()),
        _ => Script::Known(script.into()),
    }
}

#[test]
fn script_is_detected_in_command_lines() {
    assert!(lines().count() > 400);
    for line in lines() {
        let path = format!("/usr/bin/{}", line.interpreter);
        let script = read(&path, &line, Some(DIRECTORY));
        assert_eq!(script, expected(line.script), "{} {:?}", line.interpreter, line.arguments);
    }
}

/// Neither the text of a program nor a part of it, whatever else is unknown.
#[test]
fn program_text_is_never_the_script() {
    for line in lines() {
        for directory in [None, Some(DIRECTORY)] {
            let script = read(line.interpreter, &line, directory);
            assert!(!format!("{script:?}").contains("hunter"), "{} {:?}: {script:?}", line.interpreter, line.arguments);
        }
    }
}

#[test]
fn relative_script_is_unknown_without_its_directory() {
    for line in
        lines().filter(|line| is_path(line.script) && !line.script.contains("com.") && !line.script.contains(' '))
    {
        assert_eq!(read(line.interpreter, &line, None), Script::Unknown, "{} {:?}", line.interpreter, line.arguments);
    }
}

/// The truth of the table: what the interpreters themselves do.
#[test]
fn interpreters_run_the_detected_script() {
    let mut tried = 0;
    let mut missing = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for line in lines().filter(|line| line.is_tried) {
        let Some(interpreter) = Interpreter::installed(line.interpreter) else {
            missing.insert(line.interpreter);
            continue;
        };
        let ran = interpreter.run(&line.arguments);
        let path = line.script.rsplit(' ').next().unwrap().replace("d/../", "");
        let expected = match line.script.rsplit(' ').next().unwrap() {
            "-" => "STDIN",
            "mod" if line.script.starts_with("-m") => "mod",
            script if is_path(script) => &path,
            _ => "TEXT",
        };
        tried += 1;
        if ran != expected {
            wrong.push(format!("{} {:?} runs {ran:?} where {expected:?} was read", line.interpreter, line.arguments));
        }
    }
    eprintln!("tried {tried} command lines; skipped, as they are not installed: {missing:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 60, "bash and perl are everywhere: {tried}");
}
