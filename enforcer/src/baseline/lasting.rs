//! Names that change with every update or start, and the patterns that rules have instead.
//!
//! The tables below are all there are. A pattern replaces the part that changes and nothing else, and only where people who
//! may not change what is installed cannot make another file of the same form. Where they can (AppImage, the stores of Nix and
//! Guix, which anybody may add to), the rule has to ask for the user as well: the pattern then covers what this user made.

use super::subject::Subject;
use super::value::{Piece, Value};

/// A form of names that change.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    /// Whose names these are.
    pub name: &'static str,
    /// A name of this form.
    pub example: &'static str,
    /// What a rule has instead.
    pub becomes: &'static str,
    /// What changes it, and why the pattern covers nothing else.
    pub reason: &'static str,
    /// How such names begin.
    begins: &'static [&'static str],
    /// A rule has to ask for the user.
    with_user: bool,
    replace: fn(&str) -> Option<Vec<Piece>>,
}

/// Paths of executables.
pub const EXECUTABLES: [Naming; 5] = [
    Naming {
        name: "snap",
        example: "/snap/app/12/bin/x",
        becomes: "/snap/app/*/bin/x",
        reason: "the revision changes with every update; snapd alone writes there, one package a name",
        begins: &["/snap/", "/var/lib/snapd/snap/"],
        with_user: false,
        replace: snap,
    },
    Naming {
        name: "AppImage",
        example: "/tmp/.mount_Editor8xQz1b/usr/bin/editor",
        becomes: "/tmp/.mount_Editor??????/usr/bin/editor",
        reason: "the last six characters change with every start; anybody may make such a directory, so it is for one user",
        begins: &["/tmp/.mount_"],
        with_user: true,
        replace: app_image,
    },
    Naming {
        name: "Nix and Guix",
        example: "/nix/store/0c1ypbz0vjq2ybl9ss4w7k0zxm9kcd7b-curl-8.5.0-bin/bin/curl",
        becomes: "/nix/store/*-curl-[0-9]*/bin/curl",
        reason: "hash and version change with every update; anybody may add to the store, so it is for one user",
        begins: &["/nix/store/", "/gnu/store/"],
        with_user: true,
        replace: store,
    },
    Naming {
        name: "Flatpak",
        example: "/var/lib/flatpak/app/org.example.App/x86_64/stable/64 DIGITS/files/bin/x",
        becomes: "/var/lib/flatpak/app/org.example.App/x86_64/stable/*/files/bin/x",
        reason: "the commit changes with every update; the system's installation is root's",
        begins: &["/var/lib/flatpak/app/", "/var/lib/flatpak/runtime/"],
        with_user: false,
        replace: flatpak,
    },
    Naming {
        name: "versions below /opt",
        example: "/opt/vendor/app-1.2.3/bin/x",
        becomes: "/opt/vendor/app-[0-9]*/bin/x",
        reason: "a directory named after its version changes with every update; what is in front of and behind it stays",
        begins: &["/opt/"],
        with_user: false,
        replace: version,
    },
];

/// systemd units.
pub const UNITS: [Naming; 6] = [
    Naming {
        name: "systemd-run",
        example: "run-u41.service",
        becomes: "run-u*.service",
        reason: "a transient unit without a name has a number",
        begins: &["run-"],
        with_user: false,
        replace: transient,
    },
    Naming {
        name: "sessions",
        example: "session-12.scope",
        becomes: "session-*.scope",
        reason: "a session has a number",
        begins: &["session-"],
        with_user: false,
        replace: session,
    },
    Naming {
        name: "desktop programs",
        example: "app-gnome-firefox-1234.scope",
        becomes: "app-gnome-firefox-*.scope",
        reason: "launchers put a number behind the program's name",
        begins: &["app-"],
        with_user: false,
        replace: application,
    },
    Naming {
        name: "D-Bus services",
        example: "dbus-:1.16-org.example.App@3.service",
        becomes: "dbus-:*-org.example.App@*.service",
        reason: "a bus has a number for each connection and each start",
        begins: &["dbus-:"],
        with_user: false,
        replace: bus,
    },
    Naming {
        name: "scopes with an id",
        example: "docker-64 DIGITS.scope",
        becomes: "docker-*.scope",
        reason: "containers, snaps and terminals have scopes of their own with a random id",
        begins: &[""],
        with_user: false,
        replace: identified,
    },
    Naming {
        name: "services for one connection",
        example: "sshd@7-192.0.2.1:22-192.0.2.2:50000.service",
        becomes: "sshd@*-*:*-*:*.service",
        reason: "a socket unit starts one for each connection, named by its number and addresses",
        begins: &[""],
        with_user: false,
        replace: accepted,
    },
];

/// What a rule asks for to cover an executable by the name that it will have. `with_user`: the rule asks for the user too.
pub(super) fn executable(path: &str, with_user: bool) -> Value {
    pattern(&EXECUTABLES, path, with_user).unwrap_or_else(|| path.into())
}

/// What a rule asks for to cover a unit by the name that it will have; `None` for one whose name never comes back.
///
/// The manager of a user has the user's number in its name, which is as lasting as the user.
pub(super) fn unit(name: &str) -> Option<Value> {
    pattern(&UNITS, name, true).or_else(|| service(name))
}

/// The same without patterns: scopes have numbers.
pub(super) fn service(name: &str) -> Option<Value> {
    name.ends_with(".service").then(|| name.into())
}

/// The subject with patterns for names that change; `None` if it has none of these.
pub(super) fn renamed(subject: &Subject) -> Option<Subject> {
    let is_of_host = subject.file.is_none() && !subject.names_container();
    let path = subject.executable.as_ref().filter(|_| is_of_host).and_then(Value::as_exact);
    let path = path.and_then(|path| pattern(&EXECUTABLES, path, subject.user.is_some()));
    let unit = subject.unit.as_ref().and_then(Value::as_exact).and_then(|name| pattern(&UNITS, name, true));
    (path.is_some() || unit.is_some()).then(|| Subject {
        executable: path.or_else(|| subject.executable.clone()),
        unit: unit.or_else(|| subject.unit.clone()),
        ..subject.clone()
    })
}

fn pattern(table: &[Naming], name: &str, with_user: bool) -> Option<Value> {
    let mut forms = table.iter().filter(|naming| with_user || !naming.with_user);
    forms.find_map(|naming| {
        let begins = naming.begins.iter().any(|begin| name.starts_with(begin));
        let pieces = begins.then(|| (naming.replace)(name)).flatten()?;
        // A name that holds anything odd is left as it is.
        Some(Value::pattern(pieces)).filter(|pattern| pattern.matches(name))
    })
}

/// The form of a pattern of a rule, as far as its beginning shows.
#[must_use]
pub fn naming_of(pattern: &Value) -> Option<&'static Naming> {
    let Value::Pattern(pieces) = pattern else { return None };
    let Some(Piece::Text(first)) = pieces.first() else { return None };
    let table: &'static [Naming] = if first.starts_with('/') { &EXECUTABLES } else { &UNITS };
    let begins = |naming: &&Naming| naming.begins.iter().any(|begin| first.starts_with(begin));
    let is_accepted = first.ends_with('@') && !first.starts_with("app-");
    table.iter().filter(begins).find(|naming| naming.name != "scopes with an id" || !is_accepted)
}

fn text(text: impl Into<Box<str>>) -> Piece {
    Piece::Text(text.into())
}

/// The path with the component at `from..to` replaced, for one that has something in front of it and behind it.
fn varied(path: &str, from: usize, to: usize) -> Option<Vec<Piece>> {
    let (before, behind) = (path.get(..from)?, path.get(to..)?);
    behind.starts_with('/').then(|| vec![text(before), Piece::Run, text(behind)])
}

/// Where a part of a text is, in bytes.
fn span(whole: &str, part: &str) -> Option<(usize, usize)> {
    let from = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    Some((from, from + part.len()))
}

fn snap(path: &str) -> Option<Vec<Piece>> {
    let below = path.strip_prefix("/var/lib/snapd").unwrap_or(path).strip_prefix("/snap/")?;
    let revision = below.split('/').nth(1)?;
    // What was installed from a file has an x in front.
    is_number(revision.strip_prefix('x').unwrap_or(revision)).then_some(())?;
    let (from, to) = span(path, revision)?;
    varied(path, from, to)
}

fn app_image(path: &str) -> Option<Vec<Piece>> {
    const RANDOM: usize = 6;
    let (mount, _) = path.strip_prefix("/tmp/")?.split_once('/')?;
    let name = mount.strip_prefix(".mount_")?;
    let random = name.get(name.len().checked_sub(RANDOM)?..)?;
    random.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(())?;
    let (from, to) = span(path, random)?;
    let mut pieces = vec![text(path.get(..from)?)];
    pieces.extend(std::iter::repeat_n(Piece::Any, RANDOM));
    pieces.push(text(path.get(to..)?));
    Some(pieces)
}

fn store(path: &str) -> Option<Vec<Piece>> {
    const HASH: usize = 32;
    let (directory, below) = path.split_at_checked("/nix/store/".len())?;
    let (entry, _) = below.split_once('/')?;
    let (hash, name) = entry.split_once('-')?;
    let is_hash = hash.len() == HASH && hash.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let (_, to) = span(path, entry)?;
    let behind = path.get(to..)?;
    (is_hash && !name.is_empty()).then_some(())?;
    Some(match versioned(name) {
        Some(name) => {
            vec![text(directory), Piece::Run, text(format!("-{name}-")), Piece::Digit, Piece::Run, text(behind)]
        }
        None => vec![text(directory), Piece::Run, text(format!("-{name}{behind}"))],
    })
}

/// The name in front of a version: up to the first `-` that a digit follows, as Nix splits it.
fn versioned(name: &str) -> Option<&str> {
    let dashes = name.match_indices('-').map(|(at, _)| at);
    let mut versions = dashes.filter(|at| name.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit));
    versions.next().and_then(|at| name.get(..at)).filter(|name| !name.is_empty())
}

fn flatpak(path: &str) -> Option<Vec<Piece>> {
    // app|runtime, id, architecture, branch.
    let commit = path.strip_prefix("/var/lib/flatpak/")?.split('/').nth(4)?;
    (commit.len() == 64 && is_hex(commit)).then_some(())?;
    let (from, to) = span(path, commit)?;
    varied(path, from, to)
}

fn version(path: &str) -> Option<Vec<Piece>> {
    let (directories, _) = path.rsplit_once('/')?;
    for (depth, component) in directories.split('/').enumerate() {
        let (name, version) = match versioned(component) {
            Some(name) => component.split_at_checked(name.len() + 1)?,
            None => ("", component),
        };
        // `/opt/1.2.3` identifies no program.
        if is_version(version) && (depth > 2 || !name.is_empty()) {
            let (from, to) = span(path, version)?;
            return Some(vec![text(path.get(..from)?), Piece::Digit, Piece::Run, text(path.get(to..)?)]);
        }
    }
    None
}

/// Numbers with a dot between them, and what may be behind these.
fn is_version(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '~');
    let mut parts = text.split('.');
    parts.next().is_some_and(is_number)
        && parts.next().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        && text.chars().all(fits)
}

fn transient(unit: &str) -> Option<Vec<Piece>> {
    let (stem, kind) = unit.rsplit_once('.')?;
    matches!(kind, "service" | "scope").then_some(())?;
    let end = format!(".{kind}");
    if stem.strip_prefix("run-u").is_some_and(is_number) {
        return Some(vec![text("run-u"), Piece::Run, text(end)]);
    }
    if stem.strip_prefix("run-r").is_some_and(|id| id.len() >= 32 && is_hex(id)) {
        return Some(vec![text("run-r"), Piece::Run, text(end)]);
    }
    let (process, inode) = stem.strip_prefix("run-p")?.split_once("-i")?;
    (is_number(process) && is_number(inode)).then(|| vec![text("run-p"), Piece::Run, text("-i"), Piece::Run, text(end)])
}

fn session(unit: &str) -> Option<Vec<Piece>> {
    let id = unit.strip_prefix("session-")?.strip_suffix(".scope")?;
    is_number(id.strip_prefix('c').unwrap_or(id)).then(|| vec![text("session-"), Piece::Run, text(".scope")])
}

/// `app[-LAUNCHER]-ID-RANDOM.scope` and `app[-LAUNCHER]-ID@RANDOM.service`
/// (<https://systemd.io/DESKTOP_ENVIRONMENTS/>).
fn application(unit: &str) -> Option<Vec<Piece>> {
    if let Some(stem) = unit.strip_suffix(".scope") {
        let (name, random) = identifier(stem).or_else(|| stem.rsplit_once('-'))?;
        return (is_random(random) && name.contains('-')).then(|| behind(format!("{name}-"), ".scope"));
    }
    let (name, random) = unit.strip_suffix(".service")?.split_once('@')?;
    is_random(random).then(|| behind(format!("{name}@"), ".service"))
}

fn behind(name: String, end: &str) -> Vec<Piece> {
    vec![text(name), Piece::Run, text(end)]
}

fn bus(unit: &str) -> Option<Vec<Piece>> {
    let (connection, service) = unit.strip_prefix("dbus-:")?.split_once('-')?;
    let (service, number) = service.strip_suffix(".service")?.rsplit_once('@')?;
    let is_connection = connection.split('.').all(is_number);
    (is_connection && is_number(number) && !service.is_empty())
        .then(|| vec![text("dbus-:"), Piece::Run, text(format!("-{service}@")), Piece::Run, text(".service")])
}

fn identified(unit: &str) -> Option<Vec<Piece>> {
    let stem = unit.strip_suffix(".scope")?;
    let (name, id) = identifier(stem)?;
    let (from, _) = span(stem, id)?;
    (!name.is_empty()).then(|| Some(vec![text(stem.get(..from)?), Piece::Run, text(".scope")])).flatten()
}

/// `NAME@NUMBER-ADDRESS:PORT-ADDRESS:PORT.service` and `NAME@NUMBER-PID-UID.service` (`systemd.socket(5)`, `Accept=`).
fn accepted(unit: &str) -> Option<Vec<Piece>> {
    let (name, instance) = unit.strip_suffix(".service")?.split_once('@')?;
    let parts: Vec<&str> = instance.split('-').collect();
    let [number, first, second] = *parts.as_slice() else { return None };
    let is_endpoint = |text: &str| {
        text.rsplit_once(':')
            .is_some_and(|(address, port)| address.parse::<std::net::IpAddr>().is_ok() && is_number(port))
    };
    (is_number(number) && !name.is_empty()).then_some(())?;
    let mut pieces = vec![text(format!("{name}@")), Piece::Run];
    let separators: &[&str] = if is_endpoint(first) && is_endpoint(second) {
        &["-", ":", "-", ":"]
    } else if is_number(first) && is_number(second) {
        &["-", "-"]
    } else {
        return None;
    };
    pieces.extend(separators.iter().flat_map(|separator| [text(*separator), Piece::Run]));
    pieces.push(text(".service"));
    Some(pieces)
}

/// A UUID or a long hexadecimal number behind `-` or `.`, and what is in front of it.
fn identifier(stem: &str) -> Option<(&str, &str)> {
    const UUID: usize = 36;
    let split = |length: usize| {
        let (front, id) = stem.split_at_checked(stem.len().checked_sub(length)?)?;
        let name = front.strip_suffix(['-', '.'])?;
        Some((name, id))
    };
    let is_uuid =
        |id: &str| id.len() == UUID && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && id.split('-').all(is_hex);
    split(UUID).filter(|(_, id)| is_uuid(id)).or_else(|| {
        let id = stem.rsplit(['-', '.']).next()?;
        (id.len() >= 32 && is_hex(id)).then(|| split(id.len())).flatten()
    })
}

/// What launchers make up: a number, or at least eight hexadecimal digits.
fn is_random(text: &str) -> bool {
    let digits = text.replace('-', "");
    is_number(text) || digits.len() >= 8 && is_hex(&digits)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UUID: &str = "0ba1f7ad-1f0b-4f0e-9d5a-6d3d4d1c2b3a";
    const HASH: &str = "0c1ypbz0vjq2ybl9ss4w7k0zxm9kcd7b";

    #[test]
    fn only_the_variable_part_of_a_path_is_replaced() {
        for (path, becomes) in [
            ("/snap/app/12/bin/x", "/snap/app/*/bin/x"),
            ("/snap/app/x1/bin/x", "/snap/app/*/bin/x"),
            ("/var/lib/snapd/snap/app/12/bin/x", "/var/lib/snapd/snap/app/*/bin/x"),
            ("/snap/app/common/bin/x", "/snap/app/common/bin/x"),
            ("/snap/app/12", "/snap/app/12"),
            ("/home/alice/snap/app/12/x", "/home/alice/snap/app/12/x"),
            ("/tmp/.mount_Editor8xQz1b/usr/bin/editor", "/tmp/.mount_Editor??????/usr/bin/editor"),
            ("/tmp/.mount_appXyZ/usr/bin/x", "/tmp/.mount_??????/usr/bin/x"),
            ("/tmp/.mount_Edi/x", "/tmp/.mount_Edi/x"),
            ("/home/alice/.mount_Editor8xQz1b/x", "/home/alice/.mount_Editor8xQz1b/x"),
            (&format!("/nix/store/{HASH}-curl-8.5.0-bin/bin/curl"), "/nix/store/*-curl-[0-9]*/bin/curl"),
            (&format!("/nix/store/{HASH}-curl-8/bin/curl"), "/nix/store/*-curl-[0-9]*/bin/curl"),
            (&format!("/gnu/store/{HASH}-profile/bin/curl"), "/gnu/store/*-profile/bin/curl"),
            ("/nix/store/short-curl-8/bin/curl", "/nix/store/short-curl-8/bin/curl"),
            (
                &format!("/var/lib/flatpak/app/org.x.App/x86_64/stable/{ID}/files/bin/x"),
                "/var/lib/flatpak/app/org.x.App/x86_64/stable/*/files/bin/x",
            ),
            (
                &format!("/home/alice/.local/share/flatpak/app/org.x.App/x86_64/stable/{ID}/files/bin/x"),
                &format!("/home/alice/.local/share/flatpak/app/org.x.App/x86_64/stable/{ID}/files/bin/x"),
            ),
            ("/opt/vendor/1.2.3/bin/x", "/opt/vendor/[0-9]*/bin/x"),
            ("/opt/app-1.2.3/bin/x", "/opt/app-[0-9]*/bin/x"),
            ("/opt/vendor/app-1.2.3/x", "/opt/vendor/app-[0-9]*/x"),
            ("/opt/1.2.3/bin/x", "/opt/1.2.3/bin/x"),
            ("/opt/vendor/bin/x-1.2.3", "/opt/vendor/bin/x-1.2.3"),
            ("/usr/lib/python3.11/x", "/usr/lib/python3.11/x"),
            ("/home/alice/.local/share/app/versions/1.2.3/x", "/home/alice/.local/share/app/versions/1.2.3/x"),
        ] {
            assert_eq!(executable(path, true).to_string(), becomes, "{path}");
        }
    }

    #[test]
    fn path_that_any_user_can_create_is_a_pattern_for_one_user_only() {
        for path in ["/tmp/.mount_Editor8xQz1b/usr/bin/editor", &format!("/nix/store/{HASH}-curl-8.5.0/bin/curl")] {
            assert_eq!(executable(path, false), Value::from(path));
        }
    }

    #[test]
    fn pattern_matches_no_other_program() {
        for (path, others) in [
            ("/snap/app/12/bin/x", &["/snap/other/12/bin/x", "/snap/app/12/bin/y", "/snap/app/12/usr/bin/x"][..]),
            (
                "/tmp/.mount_Code8xQz1b/x",
                &["/tmp/.mount_CodeX8xQz1b/x", "/tmp/.mount_Code8xQz1b/y", "/tmp/.mount_Code8xQz1/x"],
            ),
            (
                &format!("/nix/store/{HASH}-curl-8.5.0/bin/curl"),
                &[
                    &format!("/nix/store/{HASH}-evil-curl-8.5.0/bin/curl"),
                    &format!("/nix/store/{HASH}-curl-impersonate-0.5/bin/curl"),
                    &format!("/nix/store/{HASH}-curl-8.5.0/bin/x"),
                ],
            ),
            (
                "/opt/vendor/1.2.3/bin/x",
                &["/opt/other/1.2.3/bin/x", "/opt/vendor/latest/bin/x", "/opt/vendor/1.2.3/4/bin/x"],
            ),
        ] {
            let value = executable(path, true);
            assert!(value.matches(path));
            for other in others {
                assert!(!value.matches(other), "{value} {other}");
            }
        }
    }

    #[test]
    fn transient_units_have_a_pattern_or_none() {
        for (name, becomes) in [
            ("run-u41.service", Some("run-u*.service")),
            ("run-r0123456789abcdef0123456789abcdef.scope", Some("run-r*.scope")),
            ("run-p1234-i5678.service", Some("run-p*-i*.service")),
            ("run-parts.service", Some("run-parts.service")),
            ("session-12.scope", Some("session-*.scope")),
            ("session-c2.scope", Some("session-*.scope")),
            ("app-gnome-firefox-1234.scope", Some("app-gnome-firefox-*.scope")),
            ("app-flatpak-org.mozilla.firefox-98765.scope", Some("app-flatpak-org.mozilla.firefox-*.scope")),
            (&format!("app-org.kde.konsole-{UUID}.scope"), Some("app-org.kde.konsole-*.scope")),
            (&format!("app-x@{UUID}.service"), Some("app-x@*.service")),
            ("app-x@autostart.service", Some("app-x@autostart.service")),
            (&format!("snap.firefox.firefox-{UUID}.scope"), Some("snap.firefox.firefox-*.scope")),
            (&format!("snap.firefox.firefox.{UUID}.scope"), Some("snap.firefox.firefox.*.scope")),
            (&format!("vte-spawn-{UUID}.scope"), Some("vte-spawn-*.scope")),
            (&format!("docker-{ID}.scope"), Some("docker-*.scope")),
            ("dbus-:1.16-org.example.App@3.service", Some("dbus-:*-org.example.App@*.service")),
            ("sshd@7-192.0.2.1:22-192.0.2.2:50000.service", Some("sshd@*-*:*-*:*.service")),
            ("sshd@7-2001:db8::1:22-2001:db8::2:50000.service", Some("sshd@*-*:*-*:*.service")),
            ("systemd-coredump@1-234-0.service", Some("systemd-coredump@*-*-*.service")),
            ("user@1000.service", Some("user@1000.service")),
            ("openvpn@office-1.service", Some("openvpn@office-1.service")),
            ("cron.service", Some("cron.service")),
            ("init.scope", None),
            ("user.slice", None),
        ] {
            let value = unit(name);
            assert_eq!(value.as_ref().map(ToString::to_string).as_deref(), becomes, "{name}");
            assert!(value.is_none_or(|value| value.matches(name)), "{name}");
        }
    }

    #[test]
    fn documented_examples_match_their_patterns() {
        for naming in EXECUTABLES {
            let example = naming.example.replace("64 DIGITS", ID);
            assert_eq!(executable(&example, true).to_string(), naming.becomes);
            assert_eq!(naming_of(&executable(&example, true)).map(|naming| naming.name), Some(naming.name));
        }
        for naming in UNITS {
            let value = unit(&naming.example.replace("64 DIGITS", ID)).unwrap();
            assert_eq!(value.to_string(), naming.becomes);
            assert_eq!(naming_of(&value).map(|naming| naming.name), Some(naming.name));
        }
    }

    proptest! {
        #[test]
        fn pattern_matches_the_name_it_replaces(front in prop::sample::select(vec!["/snap/", "/opt/", "/nix/store/", "/tmp/.mount_", "/", "run-u", "app-", "dbus-:", ""]), name in "[a-zA-Z0-9.@:/_é *-]{0,60}", end in prop::sample::select(vec!["", ".service", ".scope", "/bin/x"])) {
            let name = format!("{front}{name}{end}");
            prop_assert!(executable(&name, true).matches(&name));
            prop_assert!(unit(&name).is_none_or(|value| value.matches(&name)));
        }
    }
}
