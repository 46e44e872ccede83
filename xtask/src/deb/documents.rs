//! Manual pages, completions, and the documentation with the files that it links to.
//!
//! Below `/usr/share/doc/egret` files have the same relative paths as in the repository, so that links and examples work.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::manual;
use super::metadata::{Metadata, filled};
use super::tree::{FILE, Tree};
use crate::command::output;
use crate::workspace;

/// Where each shell looks for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/egret"),
    ("zsh", "usr/share/zsh/vendor-completions/_egret"),
    ("fish", "usr/share/fish/vendor_completions.d/egret.fish"),
];

const DOCUMENTATION: &str = "usr/share/doc/egret";

/// Directories of the documentation, and those that its pages link to.
const DIRECTORIES: [&str; 5] = ["docs", "examples", "grafana/alerts", "grafana/dashboards", "grafana/provisioning"];

/// Writes manual pages and completions, as the built program prints them, and the documentation.
pub(super) fn write(tree: &Tree, binary: &Path) -> Result<()> {
    for (shell, path) in COMPLETIONS {
        tree.write(path, printed_by(binary, &["completions", shell])?.as_bytes(), FILE)?;
    }
    documentation(tree)?;
    file_pages(tree)?;
    pages(tree, binary, &mut Vec::new())
}

fn documentation(tree: &Tree) -> Result<()> {
    // Debian has licences in the file `copyright`.
    let readme =
        read("README.md")?.replace("](LICENSE-APACHE)", "](copyright)").replace("](LICENSE-MIT)", "](copyright)");
    tree.write(&format!("{DOCUMENTATION}/README.md"), readme.as_bytes(), FILE)?;
    for name in DIRECTORIES {
        let (from, to) = (workspace::root()?.join(name), format!("{DOCUMENTATION}/{name}"));
        tree.directory(&from, &to)?;
    }
    Ok(())
}

/// Writes the manual pages of section 5.
fn file_pages(tree: &Tree) -> Result<()> {
    for page in &manual::FILES {
        let text = page.render(&read(&format!("docs/{}", page.source))?, env!("CARGO_PKG_VERSION"));
        tree.compressed(&format!("usr/share/man/man5/{}.5", page.name), text.as_bytes())?;
    }
    Ok(())
}

fn read(name: &str) -> Result<String> {
    std::fs::read_to_string(workspace::root()?.join(name)).with_context(|| format!("cannot read {name}"))
}

/// The section in the title line of a manual page.
fn section(page: &str) -> Option<u8> {
    let title = page.lines().find_map(|line| line.strip_prefix(".TH "))?;
    title.split_whitespace().nth(1)?.parse().ok()
}

/// Writes the manual page of a command, and those of its subcommands.
fn pages(tree: &Tree, binary: &Path, words: &mut Vec<String>) -> Result<()> {
    let command = words.join(" ");
    let arguments = if words.is_empty() { vec!["man"] } else { vec!["man", &command] };
    let page = printed_by(binary, &arguments)?;
    let name: Vec<&str> = std::iter::once("egret").chain(words.iter().map(String::as_str)).collect();
    let name = name.join("-");
    let section = section(&page).with_context(|| format!("the manual page of {name} has no section"))?;
    tree.compressed(&format!("usr/share/man/man{section}/{name}.{section}"), page.as_bytes())?;
    let help: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    for subcommand in commands(&printed_by(binary, &help)?) {
        words.push(subcommand.to_owned());
        pages(tree, binary, words)?;
        words.pop();
    }
    Ok(())
}

/// The subcommands in a help text: the first words of the lines below `Commands:`, up to the next empty line. Lines that
/// continue a description are indented further.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
}

fn printed_by(binary: &Path, arguments: &[&str]) -> Result<String> {
    output(Command::new(binary).args(arguments))
        .with_context(|| format!("{} {} fails", binary.display(), arguments.join(" ")))
}

/// Writes the changelogs of program and package, and the copyright file.
pub(super) fn changelogs(tree: &Tree, metadata: &Metadata) -> Result<()> {
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
    use super::{commands, section};

    #[test]
    fn section_is_read_from_the_title() {
        assert_eq!(section(".ie \\n(.g .ds Aq\n.TH egret-run 8  \"egret-run \"\n"), Some(8));
        assert_eq!(section(".SH NAME\n"), None);
    }

    #[test]
    fn commands_are_read_from_the_help() {
        let help = "Usage: egret <COMMAND>\n\nCommands:\n  trace  Show\n           more of it\n  run    Run\n  help   Print\n\n\
                    Options:\n  -h  Print\n";
        assert_eq!(commands(help).collect::<Vec<_>>(), ["trace", "run"]);
        assert_eq!(commands("Usage: egret run\n\nOptions:\n  -h\n").count(), 0);
    }
}
