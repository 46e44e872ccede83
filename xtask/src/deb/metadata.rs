//! What dpkg wants to know of a package.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::tree::{FILE, PROGRAM, Tree};
use crate::command::output;
use crate::workspace;

/// What changes when the package does, and egret does not.
const REVISION: u32 = 1;

/// The maintainer's scripts.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Name, version and needs of a package.
pub(super) struct Metadata {
    architecture: String,
    libraries: String,
    epoch: String,
}

impl Metadata {
    /// Of a built `egret`.
    pub(super) fn of(tree: &Tree, binary: &Path) -> Result<Self> {
        let architecture =
            output(Command::new("dpkg").arg("--print-architecture")).context("dpkg names no architecture")?;
        // The time of the last change, which is the same for all who build it.
        let epoch = output(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(workspace::root()?))
            .context("git tells no time of the last commit")?;
        let libraries = libraries(tree, binary)?;
        Ok(Self { architecture: architecture.trim().to_owned(), libraries, epoch: epoch.trim().to_owned() })
    }

    pub(super) fn version(&self) -> String {
        format!("{}-{REVISION}", env!("CARGO_PKG_VERSION"))
    }

    /// Seconds since 1970.
    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// As changelogs have it.
    pub(super) fn date(&self) -> Result<String> {
        let date = output(Command::new("date").args(["--utc", "--rfc-email", "--date", &format!("@{}", self.epoch)]));
        Ok(date.context("date(1) does not know the time of the last commit")?.trim().to_owned())
    }

    pub(super) fn file_name(&self) -> String {
        format!("egret_{}_{}.deb", self.version(), self.architecture)
    }

    /// Writes `DEBIAN/`, about what is in the tree by now.
    pub(super) fn write(&self, tree: &Tree) -> Result<()> {
        let files = tree.files()?;
        let (mut bytes, mut sums) = (0, String::new());
        for file in &files {
            let path = tree.root().join(file);
            bytes += fs::metadata(&path)?.len();
            let sum = output(Command::new("md5sum").arg(&path)).with_context(|| format!("no checksum of {file}"))?;
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

/// The packages of the libraries that the binary is linked to, at the versions that have what it uses.
fn libraries(tree: &Tree, binary: &Path) -> Result<String> {
    // dpkg-shlibdeps wants to be called from a source package.
    let source = tree.root().with_extension("source");
    fs::create_dir_all(source.join("debian"))?;
    fs::write(source.join("debian").join("control"), "Source: egret\n\nPackage: egret\nArchitecture: any\n")?;
    let told = output(Command::new("dpkg-shlibdeps").arg("-O").arg(binary).current_dir(&source));
    let told = told.context("dpkg-shlibdeps does not tell what the binary needs")?;
    fs::remove_dir_all(&source)?;
    let needs = told.trim().strip_prefix("shlibs:Depends=").context("dpkg-shlibdeps tells of no library")?;
    Ok(needs.to_owned())
}

/// A text with each `${name}` replaced by its value.
pub(super) fn filled(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn every_place_is_filled() {
        assert_eq!(filled("${a} ${b} ${a}", &[("a", "1"), ("b", "2")]), "1 2 1");
    }
}
