//! What egret says of the host that spans come from.

use std::fs;
use std::path::Path;

use super::Error;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const MACHINE_ID: &str = "/etc/machine-id";
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The kernel's random name for this boot.
pub(super) fn boot_id() -> Result<String, Error> {
    let path = Path::new(BOOT_ID);
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// The host's name, if it has one.
pub(super) fn name() -> Option<String> {
    line(HOST_NAME)
}

/// The id that the system was installed with, see machine-id(5): what OpenTelemetry takes for `host.id` on Linux.
pub(super) fn machine_id() -> Option<String> {
    line(MACHINE_ID)
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
