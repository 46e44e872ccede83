//! Paths of scripts.

use super::Script;

/// The last component.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The script with a path as an interpreter was given it.
///
/// A relative one is made absolute. `.` and doubled slashes go, and so does `..` where it stands behind the working directory,
/// which is a true path. Behind any other component it stays: that may be a symbolic link, which leads elsewhere.
pub(super) fn script(path: &str, directory: Option<&str>) -> Script {
    if path == "-" || is_descriptor(path) {
        return Script::known("-");
    }
    match absolute(path, directory) {
        // The same name is another file for every process.
        Some(path) if path.starts_with("/proc/") => Script::Unknown,
        Some(path) => Script::known(path),
        None => Script::Unknown,
    }
}

/// The absolute form of a path; `None` where the directory is needed and unknown, or where bytes were replaced.
pub(super) fn absolute(path: &str, directory: Option<&str>) -> Option<String> {
    if path.is_empty() || path.contains('\u{fffd}') {
        return None;
    }
    let directory = if path.starts_with('/') { "/" } else { directory.filter(|at| !at.contains('\u{fffd}'))? };
    let mut components: Vec<&str> = directory.split('/').filter(|component| !component.is_empty()).collect();
    // Components so far are of a true path.
    let mut is_true = true;
    for component in path.split('/').filter(|component| !matches!(*component, "" | ".")) {
        if component == ".." && is_true {
            components.pop();
        } else {
            is_true = false;
            components.push(component);
        }
    }
    Some(format!("/{}", components.join("/")))
}

/// What a process reads through an open descriptor has no name of its own.
fn is_descriptor(path: &str) -> bool {
    if path == "/dev/stdin" || path.starts_with("/dev/fd/") {
        return true;
    }
    let mut components = path.split('/').skip(1);
    components.next() == Some("proc") && components.any(|component| component == "fd")
}

/// The script at an operand, which may be an address of the network: that may hold secrets, and then the script is unknown.
pub(super) fn location(operand: &str, directory: Option<&str>) -> Script {
    if let Some(path) = operand.strip_prefix("file://") {
        return script(path, None);
    }
    let Some((scheme, rest)) = operand.split_once(':') else { return script(operand, directory) };
    match scheme {
        "http" | "https" => {
            let host = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
            if host.contains('@') || rest.contains(['?', '#']) { Script::Unknown } else { Script::known(operand) }
        }
        "npm" | "jsr" => Script::known(operand),
        "data" | "blob" => Script::Unknown,
        _ => script(operand, directory),
    }
}

/// The name of a class.
pub(super) fn class(name: &str) -> Script {
    if name.contains('\u{fffd}') { Script::Unknown } else { Script::known(name) }
}
