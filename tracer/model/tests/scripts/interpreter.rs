//! An interpreter of this machine, with scripts that print their own names.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What precedes the name in what a script prints.
const MARK: &str = "RAN ";

/// An interpreter and a directory of scripts for it.
pub(crate) struct Interpreter {
    name: &'static str,
    path: PathBuf,
    directory: PathBuf,
}

impl Interpreter {
    /// `None` where it is not installed.
    pub(crate) fn installed(name: &'static str) -> Option<Self> {
        // Shims of version managers are another program's scripts: the distribution's come first.
        let path = std::env::var("PATH").unwrap_or_default();
        let directories = ["/usr/bin", "/bin"].into_iter().chain(path.split(':'));
        let path = directories.map(|directory| Path::new(directory).join(name)).find(|path| path.is_file())?;
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scripts").join(name);
        let interpreter = Self { name, path, directory };
        if !interpreter.directory.exists() {
            interpreter.write_scripts();
        }
        Some(interpreter)
    }

    /// Runs it in the directory; what the first that ran calls itself, or else what it wrote to standard error.
    pub(crate) fn run(&self, arguments: &[String]) -> String {
        let arguments = arguments.iter().map(|argument| argument.replace("TEXT", &self.program("TEXT")));
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.directory).env("NO_COLOR", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().unwrap();
        let input = format!("{}{}\n", self.opening(), self.program("STDIN"));
        // One that does not read it may have ended.
        let _ = running.stdin.take().unwrap().write_all(input.as_bytes());
        let output = running.wait_with_output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let name = stdout.split_once(MARK).map(|(_, name)| name.split_whitespace().next().unwrap_or_default());
        name.map_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned(), str::to_owned)
    }

    fn write_scripts(&self) {
        for directory in ["d", "e"] {
            fs::create_dir_all(self.directory.join(directory)).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(self.directory.join(name), format!("{text}\n")).unwrap();
        for directory in ["", "d/", "e/"] {
            for name in ["s", "o", "s.js", "s.java"] {
                let name = format!("{directory}{name}");
                write(&name, &format!("{}{}", self.opening(), self.program(&name)));
            }
        }
        write("mod.py", &self.program("mod"));
        ["f", "m.mjs", "m.cjs", "mod.lua"].iter().for_each(|empty| write(empty, ""));
    }

    fn opening(&self) -> &'static str {
        if self.name == "php" { "<?php " } else { "" }
    }

    /// A program that prints a name.
    fn program(&self, name: &str) -> String {
        let said = format!("{MARK}{name}");
        match self.name {
            "python3" | "pypy3" | "lua5.4" | "luajit" => format!("print(\"{said}\")"),
            "perl" => format!("print \"{said}\\n\";"),
            "php" => format!("echo \"{said}\\n\";"),
            "ruby" | "tclsh" => format!("puts \"{said}\""),
            "node" | "deno" | "bun" => format!("console.log(\"{said}\")"),
            "java" => {
                format!("class s {{ public static void main(String[] a) {{ System.out.println(\"{said}\"); }} }}")
            }
            "Rscript" | "R" => format!("cat(\"{said}\\n\")"),
            "gawk" | "mawk" => format!("BEGIN {{ print \"{said}\" }}"),
            _ => format!("echo {said}"),
        }
    }
}
