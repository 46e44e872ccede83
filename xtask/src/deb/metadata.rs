//! The control files of a package: `DEBIAN/control`, checksums, configuration files and maintainer scripts.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::tree::{FILE, PROGRAM, Tree};
use crate::command::output;
use crate::workspace;

/// Debian revision: grows when the packaging changes and egret does not.
const REVISION: u32 = 1;

/// Maintainer scripts, below `examples/debian`.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Architecture, dependencies and time stamp of a package.
pub(super) struct Metadata {
    architecture: String,
    libraries: String,
    epoch: String,
}

impl Metadata {
    /// Reads the metadata of a built `egret`.
    pub(super) fn of(tree: &Tree, binary: &Path) -> Result<Self> {
        let architecture =
            output(Command::new("dpkg").arg("--print-architecture")).context("dpkg prints no architecture")?;
        // The time of the last commit, so that every build of these sources has the same time stamps.
        let epoch = output(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(workspace::root()?))
            .context("git prints no time for the last commit")?;
        let libraries = libraries(tree, binary)?;
        Ok(Self { architecture: architecture.trim().to_owned(), libraries, epoch: epoch.trim().to_owned() })
    }

    pub(super) fn version(&self) -> String {
        format!("{}-{REVISION}", env!("CARGO_PKG_VERSION"))
    }

    /// Time of the last commit, seconds since 1970.
    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The same time in the format of Debian changelogs.
    pub(super) fn date(&self) -> Result<String> {
        let date = output(Command::new("date").args(["--utc", "--rfc-email", "--date", &format!("@{}", self.epoch)]));
        Ok(date.context("date(1) cannot format the time of the last commit")?.trim().to_owned())
    }

    pub(super) fn file_name(&self) -> String {
        format!("egret_{}_{}.deb", self.version(), self.architecture)
    }

    /// Writes `DEBIAN/` for the files that are in the tree.
    pub(super) fn write(&self, tree: &Tree) -> Result<()> {
        let files = tree.files()?;
        let (mut bytes, mut sums) = (0, String::new());
        for file in &files {
            let path = tree.root().join(file);
            bytes += fs::metadata(&path)?.len();
            let sum = output(Command::new("md5sum").arg(&path)).with_context(|| format!("md5sum fails for {file}"))?;
            let sum = sum.split_whitespace().next().unwrap_or_default();
            sums.push_str(&format!("{sum}  {file}\n"));
        }
        let configuration: String =
            files.iter().filter(|file| file.starts_with("etc/")).map(|file| format!("/{file}\n")).collect();
        let sources = workspace::root()?.join("examples").join("debian");
        let control = fs::read_to_string(sources.join("control")).context("cannot read examples/debian/control")?;
        let control = filled(
            &control,
            &[
                ("version", &self.version()),
                ("architecture", &self.architecture),
                ("size", &bytes.div_ceil(1024).to_string()),
                ("libraries", &self.libraries),
            ],
        );
        tree.write("DEBIAN/control", control.as_bytes(), FILE)?;
        tree.write("DEBIAN/md5sums", sums.as_bytes(), FILE)?;
        tree.write("DEBIAN/conffiles", configuration.as_bytes(), FILE)?;
        SCRIPTS.iter().try_for_each(|name| tree.copy(&sources.join(name), &format!("DEBIAN/{name}"), PROGRAM))
    }
}

/// The packages of the libraries that the binary is linked to, each with the lowest version that provides the symbols it uses.
fn libraries(tree: &Tree, binary: &Path) -> Result<String> {
    // dpkg-shlibdeps runs in a source package only.
    let source = tree.root().with_extension("source");
    fs::create_dir_all(source.join("debian"))?;
    fs::write(source.join("debian").join("control"), "Source: egret\n\nPackage: egret\nArchitecture: any\n")?;
    let printed = output(Command::new("dpkg-shlibdeps").arg("-O").arg(binary).current_dir(&source));
    let printed = printed.context("dpkg-shlibdeps fails for the binary")?;
    fs::remove_dir_all(&source)?;
    let depends = printed.trim().strip_prefix("shlibs:Depends=").context("dpkg-shlibdeps prints no dependency")?;
    Ok(depends.to_owned())
}

/// Replaces each `${name}` in a text by its value.
pub(super) fn filled(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn every_variable_is_replaced() {
        assert_eq!(filled("${a} ${b} ${a}", &[("a", "1"), ("b", "2")]), "1 2 1");
    }
}
