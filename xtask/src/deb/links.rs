//! Checks that the links between pages of a package lead to files that it contains.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::tree::Tree;

/// Fails if a page in the tree links to a file that is not in it.
pub(super) fn check(tree: &Tree) -> Result<()> {
    let mut broken = Vec::new();
    for page in tree.files()?.iter().filter(|file| file.ends_with(".md")) {
        let text = std::fs::read_to_string(tree.root().join(page)).with_context(|| format!("cannot read {page}"))?;
        let missing = targets(&text).filter(|target| !tree.root().join(resolved(page, target)).exists());
        broken.extend(missing.map(|target| format!("{page} links to {target}")));
    }
    if !broken.is_empty() {
        bail!("the package lacks files that its pages link to: {}", broken.join(", "));
    }
    Ok(())
}

/// Targets of links, except web addresses and anchors within the page.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '\n']).next());
    links
        .filter(|target| !target.contains("://"))
        .filter_map(|target| target.split('#').next())
        .filter(|path| !path.is_empty())
}

/// Resolves a target relative to the page that links to it.
fn resolved(page: &str, target: &str) -> PathBuf {
    let directory = Path::new(page).parent().unwrap_or(Path::new(""));
    let mut path = PathBuf::new();
    for part in directory.join(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::deb::tree::FILE;

    #[test]
    fn web_addresses_and_anchors_are_not_targets() {
        let text = "[a](a.md#x) ![b](p/b.png) [c](https://c.d/e) [f](#g) [h](../h)\n";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["a.md", "p/b.png", "../h"]);
        assert_eq!(resolved("docs/one.md", "../grafana/x.yml"), Path::new("grafana/x.yml"));
    }

    #[test]
    fn link_to_a_missing_file_fails() {
        let root = std::env::temp_dir().join(format!("egret-links-{}", std::process::id()));
        let tree = Tree::empty(root.clone()).unwrap();
        tree.write("docs/a.md", b"[b](../b.md)", FILE).unwrap();
        assert!(check(&tree).unwrap_err().to_string().contains("docs/a.md links to ../b.md"));
        tree.write("b.md", b"[c](docs)", FILE).unwrap();
        check(&tree).unwrap();
        std::fs::remove_dir_all(root).unwrap();
    }
}
