//! Strings with a syntax.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::Uri;

use super::Kind;
use crate::raw::{Invalid, RawValue};
use crate::toml_text::quoted;
use crate::value::log_filter;

/// Defines a kind: type, expected syntax, parser and display.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident($value:ty), $expected:expr, $read:expr, $show:expr) => {
        $(#[$meta])*
        pub struct $name;

        impl Kind for $name {
            type Value = $value;

            fn expected() -> String {
                $expected.to_owned()
            }

            fn read(raw: &RawValue) -> Result<$value, Vec<Invalid>> {
                let read: fn(&str) -> Option<$value> = $read;
                raw.read($expected, |text| read(text).ok_or_else(|| format!("expected {}", $expected)))
            }

            fn show(value: &$value) -> Option<String> {
                let show: fn(&$value) -> String = $show;
                Some(quoted(&show(value)))
            }
        }
    };
}

text!(
    /// Any text that is not empty.
    Text(String),
    "text",
    |text| plain(text).then(|| text.to_owned()),
    String::clone
);

text!(
    /// A path that does not depend on the working directory.
    AbsolutePath(PathBuf),
    "an absolute path",
    |text| (plain(text) && Path::new(text).is_absolute()).then(|| PathBuf::from(text)),
    |path| path.to_string_lossy().into_owned()
);

text!(
    /// A name of a host that file names can begin with.
    HostName(String),
    "a name of letters, digits, `-`, `_` and `.`, at most 64",
    |text| is_host_name(text).then(|| text.to_owned()),
    String::clone
);

text!(
    /// The URL of a collector.
    Url(String),
    "a URL such as \"http://localhost:4318\"",
    |text| is_endpoint(text).then(|| text.to_owned()),
    String::clone
);

text!(
    /// An address and port to listen on.
    Listen(Address),
    "an address and port such as \"127.0.0.1:9464\" or \"[::1]:9464\"",
    |text| text.parse().ok().map(Address),
    |address| address.0.to_string()
);

text!(
    /// A filter of messages.
    LogFilter(String),
    "a level (\"error\", \"warn\", \"info\", \"debug\", \"trace\") or a filter such as \"warn,egret_capture=debug\"",
    |text| (plain(text) && log_filter(text).is_some()).then(|| text.to_owned()),
    String::clone
);

/// An address and port. The default only fills the field until the real default is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

impl Default for Address {
    fn default() -> Self {
        Self(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

/// Longest name of a host in Linux (`HOST_NAME_MAX`).
const LONGEST_HOST_NAME: usize = 64;

/// Replaces the characters of a host's name that are not allowed in file names.
pub(crate) fn host_name_like(name: &str) -> String {
    let fitting = |letter: char| if is_host_letter(letter) { letter } else { '-' };
    let name: String = name.chars().take(LONGEST_HOST_NAME).map(fitting).collect();
    if is_host_name(&name) { name } else { "host".to_owned() }
}

fn is_host_name(text: &str) -> bool {
    (1..=LONGEST_HOST_NAME).contains(&text.len()) && text.chars().all(is_host_letter) && !text.starts_with('.')
}

fn is_host_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

/// Whether text is not blank and has no control characters.
fn plain(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// Whether text is an HTTP URL, or host and port, which gRPC accepts.
fn is_endpoint(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) => !authority.host().is_empty(),
        (None, Some(authority)) => authority.port_u16().is_some(),
        _ => false,
    })
}
