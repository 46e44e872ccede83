//! Text that must look like something.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::Uri;

use super::Kind;
use crate::raw::{Invalid, RawValue};
use crate::toml_text::quoted;
use crate::value::log_filter;

/// Defines a kind of text: what it holds, what is expected, and how it is read and written.
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
    /// Any text but none.
    Text(String),
    "text",
    |text| plain(text).then(|| text.to_owned()),
    String::clone
);

text!(
    /// A path that means the same in whatever directory egret is started.
    AbsolutePath(PathBuf),
    "an absolute path",
    |text| (plain(text) && Path::new(text).is_absolute()).then(|| PathBuf::from(text)),
    |path| path.to_string_lossy().into_owned()
);

text!(
    /// A name of a host, such as names of files can begin with.
    HostName(String),
    "a name of letters, digits, `-`, `_` and `.`, at most 64",
    |text| is_host_name(text).then(|| text.to_owned()),
    String::clone
);

text!(
    /// Where a collector is.
    Url(String),
    "a URL such as \"http://localhost:4318\"",
    |text| is_endpoint(text).then(|| text.to_owned()),
    String::clone
);

text!(
    /// Where to listen.
    Listen(Address),
    "an address and port such as \"127.0.0.1:9464\" or \"[::1]:9464\"",
    |text| text.parse().ok().map(Address),
    |address| address.0.to_string()
);

text!(
    /// What the log shows.
    LogFilter(String),
    "a level (\"error\", \"warn\", \"info\", \"debug\", \"trace\") or a filter such as \"warn,egret_capture=debug\"",
    |text| (plain(text) && log_filter(text).is_some()).then(|| text.to_owned()),
    String::clone
);

/// An address and port; by default those of nothing in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

impl Default for Address {
    fn default() -> Self {
        Self(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

/// Longest name of a host in Linux (`HOST_NAME_MAX`).
const LONGEST_HOST_NAME: usize = 64;

/// The nearest name of a host that can be had to one that is none for files.
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

/// Something can be seen, and nothing moves the cursor.
fn plain(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// A URL of HTTP, or what gRPC takes too: host and port alone.
fn is_endpoint(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) => !authority.host().is_empty(),
        (None, Some(authority)) => authority.port_u16().is_some(),
        _ => false,
    })
}
