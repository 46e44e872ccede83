//! What is known of a flow when it is learned or judged.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;

use egret_model::{Event, EventName, Executable, Flow, Identity, Process};

/// What is known of a flow. What is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Path of the executable.
    pub executable: Option<&'a str>,
    /// What an interpreter runs.
    pub script: Option<Cow<'a, str>>,
    /// SHA-256 of the executable.
    pub sha256: Option<&'a str>,
    /// Name of the effective user, or its number.
    pub user: Option<Cow<'a, str>>,
    /// systemd unit.
    pub unit: Option<&'a str>,
    /// Full container id.
    pub container: Option<&'a str>,
    /// Path of the parent's executable. Only known live: records have the parent's process id and not what it ran, so that a
    /// rule that asks for a parent covers nothing in a log.
    pub parent: Option<&'a str>,
    /// Name of the transport.
    pub transport: Option<&'static str>,
    /// The name that was asked for.
    pub name: Option<&'a str>,
    /// The peer's address.
    pub address: Option<IpAddr>,
    /// The peer's port.
    pub port: Option<u16>,
}

impl<'a> Facts<'a> {
    /// What an event says of a flow that this host began; `None` for any other event. A socket that has no peer yet, as a
    /// raw one that somebody holds, is no flow.
    #[must_use]
    pub fn of(event: &'a Event) -> Option<Self> {
        let begins = match event.name {
            EventName::ConnectionOpen | EventName::ConnectionFailed | EventName::DatagramSend => !event.inbound,
            EventName::ConnectionClose | EventName::Listen | EventName::Accept | EventName::ConnectionUpdate => false,
        };
        (begins && event.peer.address.is_some()).then(|| Self {
            transport: event.transport.map(|transport| transport.as_str()),
            name: event.server.as_ref().map(|server| &*server.name),
            address: event.peer.address,
            port: event.peer.port,
            ..event.process.as_deref().map(Self::of_process).unwrap_or_default()
        })
    }

    /// What is known of a flow when its first packet leaves.
    #[must_use]
    pub fn of_identity(identity: &'a Identity, flow: &Flow) -> Self {
        Self {
            parent: identity.parent.as_deref(),
            transport: Some(flow.transport.as_str()),
            name: identity.server.as_ref().map(|server| &*server.name),
            address: Some(flow.peer.ip()),
            port: Some(flow.peer.port()).filter(|port| *port != 0),
            ..identity.process.as_deref().map(Self::of_process).unwrap_or_default()
        }
    }

    fn of_process(process: &'a Process) -> Self {
        let executable = &process.executable;
        let group = process.cgroup.as_deref();
        let user = process.user.as_deref().map(Cow::Borrowed);
        Self {
            executable: executable.path.as_deref(),
            script: script(executable),
            sha256: executable.sha256.get().and_then(Option::as_deref),
            user: user.or_else(|| process.uid.map(|uid| uid.to_string().into())),
            unit: group.and_then(|group| group.unit.as_deref()),
            container: group.and_then(|group| group.container.as_deref()),
            ..Self::default()
        }
    }
}

/// Interpreters, by the beginning of their names: what they run is named by their arguments.
const INTERPRETERS: [&str; 12] =
    ["python", "perl", "ruby", "node", "php", "lua", "bash", "dash", "zsh", "ksh", "fish", "pwsh"];

/// Options of interpreters whose value is another argument, and is not a script.
const WITH_VALUE: [&str; 6] = ["-W", "-X", "-I", "-r", "--require", "-o"];

/// What an interpreter runs, as its arguments have it: `app.py`, or `-m http.server`. An inline program (`-c`) is named
/// by that option alone, and what comes from standard input or a terminal by `-`: a rule without a script would be for all of
/// them.
fn script(executable: &Executable) -> Option<Cow<'_, str>> {
    let name = Path::new(executable.path.as_deref()?).file_name()?.to_str()?;
    if !INTERPRETERS.iter().any(|interpreter| is_version_of(name, interpreter)) {
        return None;
    }
    let mut arguments = executable.args.iter().skip(1).map(|argument| &**argument);
    while let Some(argument) = arguments.next() {
        match argument {
            "-m" => return arguments.next().map(|module| format!("-m {module}").into()),
            "-c" | "-e" | "--eval" => return Some(argument.into()),
            "--" => return arguments.next().map(Cow::Borrowed),
            option if WITH_VALUE.contains(&option) => {
                arguments.next();
            }
            option if option.starts_with('-') && option.len() > 1 => {}
            script => return Some(script.into()),
        }
    }
    Some("-".into())
}

/// `python3.11` and `python` are versions of `python`; `pythonic` is not.
fn is_version_of(name: &str, interpreter: &str) -> bool {
    name.strip_prefix(interpreter)
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script_of(path: &str, args: &[&str]) -> Option<String> {
        let executable = Executable {
            path: Some(path.into()),
            args: args.iter().map(|argument| (*argument).into()).collect(),
            ..Executable::default()
        };
        script(&executable).map(Cow::into_owned)
    }

    #[test]
    fn an_interpreter_is_known_by_what_it_runs() {
        for (path, args, script) in [
            ("/usr/bin/python3.11", &["python3", "/srv/app.py", "--port", "80"][..], Some("/srv/app.py")),
            ("/usr/bin/python3.11", &["python3", "-u", "-W", "ignore", "app.py"], Some("app.py")),
            ("/usr/bin/python3.11", &["python3", "-m", "http.server", "80"], Some("-m http.server")),
            ("/usr/bin/python3.11", &["python3", "-c", "import socket"], Some("-c")),
            ("/usr/bin/bash", &["bash", "--", "-odd-name"], Some("-odd-name")),
            ("/usr/bin/node", &["node"], Some("-")),
            ("/usr/bin/pythonic", &["pythonic", "app.py"], None),
            ("/usr/bin/curl", &["curl", "https://example.org"], None),
        ] {
            assert_eq!(script_of(path, args).as_deref(), script, "{args:?}");
        }
    }
}
