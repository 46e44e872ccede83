//! Text that must look like something.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::http::Uri;

use crate::config::given::{Fault, Given};
use crate::config::slot::Setting;
use crate::config::toml_text::quoted;
use crate::log;

/// Defines a type of text: what is expected, and how it is read and written.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident($inner:ty), $expected:expr, $read:expr, $show:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(in crate::config) struct $name(pub(in crate::config) $inner);

        impl Setting for $name {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn read(given: &Given) -> Result<Self, Vec<Fault>> {
                let read: fn(&str) -> Option<$inner> = $read;
                given.read($expected, |text| read(text).map(Self).ok_or_else(|| format!("expected {}", $expected)))
            }

            fn show(&self) -> Option<String> {
                let show: fn(&$inner) -> String = $show;
                Some(quoted(&show(&self.0)))
            }
        }
    };
}

text!(
    /// Any text but none.
    #[derive(Default)]
    Text(String),
    "text",
    |text| plain(text).then(|| text.to_owned()),
    String::clone
);

text!(
    /// A path that means the same in whatever directory egret is started.
    #[derive(Default)]
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
    Listen(SocketAddr),
    "an address and port such as \"127.0.0.1:9464\" or \"[::1]:9464\"",
    |text| text.parse().ok(),
    SocketAddr::to_string
);

text!(
    /// What the log shows.
    #[derive(Default)]
    LogFilter(String),
    "a level (\"error\", \"warn\", \"info\", \"debug\", \"trace\") or a filter such as \"warn,egret_capture=debug\"",
    |text| (plain(text) && log::parsed(text).is_some()).then(|| text.to_owned()),
    String::clone
);

impl Default for Listen {
    fn default() -> Self {
        Self(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

/// Longest name of a host in Linux (`HOST_NAME_MAX`).
const LONGEST_HOST_NAME: usize = 64;

impl HostName {
    /// The nearest that can be had to a name that others gave.
    pub(in crate::config) fn like(name: &str) -> Self {
        let fitting = |letter: char| if is_host_letter(letter) { letter } else { '-' };
        let name: String = name.chars().take(LONGEST_HOST_NAME).map(fitting).collect();
        Self(if is_host_name(&name) { name } else { "host".to_owned() })
    }
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
