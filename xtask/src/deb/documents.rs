//! What the program says about itself, and what is said of it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::metadata::{Metadata, filled};
use super::tree::{FILE, Tree};
use crate::command::output;
use crate::workspace;

/// Where each shell looks for what completes its command lines.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/egret"),
    ("zsh", "usr/share/zsh/vendor-completions/_egret"),
    ("fish", "usr/share/fish/vendor_completions.d/egret.fish"),
];

/// Manual pages and completions, as the program writes them, and the guide.
pub(super) fn write(tree: &Tree, binary: &Path) -> Result<()> {
    for (shell, path) in COMPLETIONS {
        tree.write(path, ask(binary, &["completions", shell])?.as_bytes(), FILE)?;
    }
    tree.copy(&workspace::root()?.join("README.md"), "usr/share/doc/egret/README.md", FILE)?;
    guide(tree)?;
    pages(tree, binary, &mut Vec::new())
}

/// The pages of the guide; not what is for those who develop it.
fn guide(tree: &Tree) -> Result<()> {
    let docs = workspace::root()?.join("docs");
    for entry in docs.read_dir().with_context(|| format!("cannot read {}", docs.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".md") && name != "developing.md" {
            tree.copy(&path, &format!("usr/share/doc/egret/docs/{name}"), FILE)?;
        }
    }
    Ok(())
}

/// The manual page of a command, and those of the commands within it.
fn pages(tree: &Tree, binary: &Path, words: &mut Vec<String>) -> Result<()> {
    let command = words.join(" ");
    let asked = if words.is_empty() { vec!["man"] } else { vec!["man", &command] };
    let page = ask(binary, &asked)?;
    let name: Vec<&str> = std::iter::once("egret").chain(words.iter().map(String::as_str)).collect();
    tree.compressed(&format!("usr/share/man/man1/{}.1", name.join("-")), page.as_bytes())?;
    let help: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    for within in commands(&ask(binary, &help)?) {
        words.push(within.to_owned());
        pages(tree, binary, words)?;
        words.pop();
    }
    Ok(())
}

/// The commands that a help lists: the first words of the lines below `Commands:`, up to the next empty one. Lines that go
/// on with a description are further in.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
}

fn ask(binary: &Path, arguments: &[&str]) -> Result<String> {
    output(Command::new(binary).args(arguments))
        .with_context(|| format!("{} {} fails", binary.display(), arguments.join(" ")))
}

/// What changed, in the program and in the package, and who may do what with it.
pub(super) fn changelogs(tree: &Tree, metadata: &Metadata) -> Result<()> {
    let root = workspace::root()?;
    let read = |name: &str| std::fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"));
    tree.compressed("usr/share/doc/egret/changelog", read("CHANGELOG.md")?.as_bytes())?;
    let debian =
        filled(&read("examples/debian/changelog")?, &[("version", &metadata.version()), ("date", &metadata.date()?)]);
    tree.compressed("usr/share/doc/egret/changelog.Debian", debian.as_bytes())?;
    let mit: Vec<String> = read("LICENSE-MIT")?
        .lines()
        .map(|line| if line.is_empty() { " .".to_owned() } else { format!(" {line}") })
        .collect();
    let copyright = filled(&read("examples/debian/copyright")?, &[("mit", &mit.join("\n"))]);
    tree.write("usr/share/doc/egret/copyright", copyright.as_bytes(), FILE)
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn commands_are_those_that_the_help_lists() {
        let help = "Usage: egret <COMMAND>\n\nCommands:\n  trace  Show\n           more of it\n  run    Run\n  help   Print\n\n\
                    Options:\n  -h  Print\n";
        assert_eq!(commands(help).collect::<Vec<_>>(), ["trace", "run"]);
        assert_eq!(commands("Usage: egret run\n\nOptions:\n  -h\n").count(), 0);
    }
}
