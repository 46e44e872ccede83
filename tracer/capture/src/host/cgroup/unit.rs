//! The systemd unit in a cgroup's path, as systemd itself finds it.
//!
//! Follows `cg_path_get_unit()` and `cg_path_get_user_unit()` of systemd's `src/basic/cgroup-util.c`: leading
//! slices are skipped, the next component is the unit, and a process in a slice itself has none. `\x2d` and the
//! like are part of a unit's name, as in arguments of systemctl(1), and stay.
//!
//! If a user's service manager (`user@1000.service`) runs the process, the unit is that of the manager:
//! `user@1000.service` itself would say no more than the user id. `init.scope` of a user manager, which is the
//! manager itself, is reported as `user@1000.service`, so that it differs from that of pid 1.

/// `UNIT_NAME_MAX` of systemd.
const MAX_NAME: usize = 255;

const TYPES: [&str; 10] =
    ["service", "scope", "socket", "target", "device", "mount", "automount", "swap", "timer", "path"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit<'path> {
    pub(super) name: &'path str,
    /// The cgroup above its own.
    pub(super) above: &'path str,
    /// The service manager of another user than root runs it.
    pub(super) is_user_s: bool,
}

/// The unit of a path.
pub(super) fn locate(path: &str) -> Option<Unit<'_>> {
    let (unit, rest) = first_unit(path)?;
    let found = |name, tail, is_user_s| Unit { name, above: above(path, tail), is_user_s };
    if !is_user_manager(unit) {
        return Some(found(unit, rest, false));
    }
    match first_unit(rest) {
        Some((user_unit, tail)) if user_unit != "init.scope" => Some(found(user_unit, tail, unit != "user@0.service")),
        _ => Some(found(unit, rest, false)),
    }
}

/// The path above the last component before `tail`.
fn above<'path>(path: &'path str, tail: &str) -> &'path str {
    let head = path.strip_suffix(tail).unwrap_or(path).trim_end_matches('/');
    head.rsplit_once('/').map_or("", |(above, _)| above)
}

/// The component after the leading slices, if it is a unit, and the rest of the path.
fn first_unit(path: &str) -> Option<(&str, &str)> {
    let mut rest = path.trim_start_matches('/');
    loop {
        let (component, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let name = unescape(component);
        if !is_valid(name, "slice") {
            return TYPES.iter().any(|kind| is_valid(name, kind)).then_some((name, tail));
        }
        rest = tail;
    }
}

/// systemd prepends `_` to a component that has the name of one of the kernel's control files (`cg_escape()`).
fn unescape(component: &str) -> &str {
    component.strip_prefix('_').unwrap_or(component)
}

/// `unit_name_is_valid(name, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE)` with the given type.
fn is_valid(name: &str, kind: &str) -> bool {
    let Some(stem) = name.strip_suffix(kind).and_then(|stem| stem.strip_suffix('.')) else {
        return false;
    };
    let instance_is_empty =
        stem.split_once('@').is_some_and(|(prefix, instance)| prefix.is_empty() || instance.is_empty());
    name.len() <= MAX_NAME && !stem.is_empty() && !instance_is_empty && stem.bytes().all(is_name_byte)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte)
}

/// `user@UID.service`.
pub(super) fn is_user_manager(unit: &str) -> bool {
    unit.strip_prefix("user@")
        .and_then(|rest| rest.strip_suffix(".service"))
        .is_some_and(|uid| uid.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str) -> Option<&str> {
        locate(path).map(|unit| unit.name)
    }

    #[test]
    fn units_of_the_system_are_found() {
        for (path, unit) in [
            ("/init.scope", Some("init.scope")),
            ("/system.slice/ssh.service", Some("ssh.service")),
            ("/system.slice/system-getty.slice/getty@tty1.service", Some("getty@tty1.service")),
            (
                r"/system.slice/system-serial\x2dgetty.slice/serial-getty@ttyS0.service",
                Some("serial-getty@ttyS0.service"),
            ),
            ("/system.slice/systemd-udevd.service/udev", Some("systemd-udevd.service")),
            (r"/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator", Some(r"machine-qemu\x2d1\x2dvm.scope")),
            ("/user.slice/user-1000.slice/session-2.scope", Some("session-2.scope")),
            (r"/system.slice/dev-disk-by\x2duuid-a.swap", Some(r"dev-disk-by\x2duuid-a.swap")),
            ("/system.slice/_memory.service", Some("memory.service")),
            ("system.slice/cron.service", Some("cron.service")),
        ] {
            assert_eq!(find(path), unit, "{path}");
        }
    }

    #[test]
    fn unit_of_a_user_manager_is_found() {
        let base = "/user.slice/user-1000.slice/user@1000.service";
        for (below, unit) in [
            ("/app.slice/app-gnome-firefox-4242.scope", "app-gnome-firefox-4242.scope"),
            (r"/app.slice/app-dbus\x2d:1.2\x2dorg.a.slice/dbus-:1.2-org.a@0.service", "dbus-:1.2-org.a@0.service"),
            ("/session.slice/org.gnome.Shell@wayland.service", "org.gnome.Shell@wayland.service"),
            ("/user.slice/podman-123.scope", "podman-123.scope"),
            ("/init.scope", "user@1000.service"),
            ("", "user@1000.service"),
        ] {
            assert_eq!(find(&format!("{base}{below}")), Some(unit), "{below}");
        }
    }

    #[test]
    fn unit_has_the_group_above_and_its_manager() {
        for (path, above, is_user_s) in [
            ("/system.slice/ssh.service", "/system.slice", false),
            ("/system.slice/_memory.service/payload/x", "/system.slice", false),
            ("/init.scope", "", false),
            ("/user.slice/user-7.slice/session-2.scope", "/user.slice/user-7.slice", false),
            ("/user.slice/user-7.slice/user@7.service", "/user.slice/user-7.slice", false),
            ("/user.slice/user-7.slice/user@7.service/init.scope", "/user.slice/user-7.slice", false),
            (
                "/user.slice/user-7.slice/user@7.service/app.slice/nginx.service",
                "/user.slice/user-7.slice/user@7.service/app.slice",
                true,
            ),
            ("/user@7.service/nginx.service/x", "/user@7.service", true),
            ("/user.slice/user-0.slice/user@0.service/a.service", "/user.slice/user-0.slice/user@0.service", false),
        ] {
            let unit = locate(path).unwrap();
            assert_eq!((unit.above, unit.is_user_s), (above, is_user_s), "{path}");
        }
    }

    #[test]
    fn other_paths_have_no_unit() {
        for path in [
            "/",
            "",
            "/system.slice",
            "/user.slice/user-1000.slice",
            "/docker/0123/system.slice/nginx.service",
            "/kubepods/besteffort/pod1/abc",
            "/template@.service",
            "/@x.service",
            "/.service",
            "/sp ace.service",
            "/system.slicex/a.service",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
        assert_eq!(find(&format!("/{}.service", "a".repeat(255))), None);
    }
}
