//! The container in a cgroup's path.
//!
//! Looks for the full id, 64 lower-case hexadecimal digits, or the name where a runtime has no ids, in the shapes that the
//! runtimes write:
//!
//! | runtime | with systemd | without |
//! |---|---|---|
//! | Docker | `docker-ID.scope` | `docker/ID` |
//! | containerd | `cri-containerd-ID.scope`, `nerdctl-ID.scope`, `SLICE:cri-containerd:ID` | `kubepods/.../ID`, `k8s.io/ID` |
//! | CRI-O | `crio-ID.scope` | `kubepods/.../crio-ID` |
//! | Podman | `libpod-ID.scope`, `libpod-payload-ID` | `libpod_parent/libpod-ID` |
//! | LXC, Incus | | `lxc.payload.NAME`, `lxc.payload/NAME`, `lxc/NAME` |
//! | systemd-nspawn | `machine-NAME.scope/payload`, `systemd-nspawn@NAME.service/payload` | |
//!
//! A bare id below `kubepods` is put down to containerd; `cri-dockerd` with the cgroupfs driver writes the
//! same. A bare id anywhere else (Docker's `--cgroup-parent`, ECS) is a container whose runtime is not known.
//! Of several containers the innermost is the process's own: the pod's, not that of the node that is a container itself. The
//! helpers that stand beside a container (`conmon`, `lxc.monitor.NAME`) are not in it, but in the one around it.

use std::borrow::Cow;

const ID_LENGTH: usize = 64;

/// What stands before the id in a component, and the runtime that writes it.
const PREFIXES: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("libpod-payload", "podman"),
    ("libpod", "podman"),
];

/// A container: its id or name, and its runtime where that is known.
type Container<'path> = (Cow<'path, str>, Option<&'static str>);

/// The innermost container.
pub(super) fn find(path: &str) -> Option<Container<'_>> {
    find_at(path).map(|(_, container)| container)
}

/// The same, with the number of components down to it.
pub(super) fn find_at(path: &str) -> Option<(usize, Container<'_>)> {
    let mut above = path;
    let mut below = None;
    while let Some((parents, component)) = above.rsplit_once('/') {
        above = parents;
        if component == "conmon" {
            // The monitor of the container that the component above is named after.
            above = parents.rsplit_once('/').map_or("", |(parents, _)| parents);
            below = None;
            continue;
        }
        let found =
            of_id(component, parents).or_else(|| of_lxc(component, parents)).or_else(|| of_nspawn(component, below));
        if let Some(found) = found {
            return Some((parents.split('/').count(), found));
        }
        below = Some(component);
    }
    None
}

fn of_id<'path>(component: &'path str, parents: &str) -> Option<Container<'path>> {
    of_component(component, parents).map(|(id, runtime)| (id.into(), runtime))
}

fn of_lxc<'path>(component: &'path str, parents: &str) -> Option<Container<'path>> {
    let above = parents.rsplit('/').next().unwrap_or("");
    let name = match component.strip_prefix("lxc.payload.") {
        Some(name) => name,
        // Only at the top: anybody may call a group of his `lxc`.
        None if matches!(parents, "/lxc" | "/lxc.payload") || above == "lxc.payload" => component,
        None => return None,
    };
    (!name.is_empty()).then(|| (name.into(), Some("lxc")))
}

/// Virtual machines have such scopes too, without a payload.
fn of_nspawn<'path>(component: &'path str, below: Option<&str>) -> Option<Container<'path>> {
    if below != Some("payload") {
        return None;
    }
    let service = || component.strip_prefix("systemd-nspawn@")?.strip_suffix(".service");
    let name = component.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope")).or_else(service)?;
    (!name.is_empty()).then(|| (unescaped(name), Some("systemd-nspawn")))
}

/// A name without systemd's escapes (`\x2d`).
fn unescaped(name: &str) -> Cow<'_, str> {
    let mut parts = name.split("\\x");
    let mut text = parts.next().unwrap_or("").to_owned();
    for part in parts {
        match part.split_at_checked(2).and_then(|(digits, rest)| Some((u8::from_str_radix(digits, 16).ok()?, rest))) {
            Some((byte, rest)) if byte.is_ascii() => {
                text.push(char::from(byte));
                text.push_str(rest);
            }
            _ => return Cow::Borrowed(name),
        }
    }
    Cow::Owned(text)
}

fn of_component<'path>(component: &'path str, parents: &str) -> Option<(&'path str, Option<&'static str>)> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let (before, id) = name.split_at_checked(name.len().checked_sub(ID_LENGTH)?)?;
    if !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    match before.strip_suffix(['-', ':']) {
        Some(prefix) => of_prefix(prefix).map(|runtime| (id, Some(runtime))),
        None if before.is_empty() => Some((id, of_parents(parents))),
        None => None,
    }
}

/// `docker`, or `SLICE:docker` where a runtime took systemd's notation for a path.
fn of_prefix(prefix: &str) -> Option<&'static str> {
    let prefix = prefix.rsplit(':').next()?;
    PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, runtime)| *runtime)
}

fn of_parents(parents: &str) -> Option<&'static str> {
    match parents.rsplit('/').next() {
        Some("docker") => Some("docker"),
        Some("k8s.io") => Some("containerd"),
        _ => parents.split('/').any(|parent| parent.starts_with("kubepods")).then_some("containerd"),
    }
}

#[cfg(test)]
mod tests {
    use super::Cow;

    fn find(path: &str) -> Option<(&str, Option<&'static str>)> {
        super::find(path).map(|(id, runtime)| match id {
            Cow::Borrowed(id) => (id, runtime),
            Cow::Owned(id) => (&*id.leak(), runtime),
        })
    }

    const ID: &str = "4fcbdd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";
    const OTHER: &str = "aaaadd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";

    #[test]
    fn shapes_that_runtimes_write() {
        for (path, runtime) in [
            ("/docker/ID", Some("docker")),
            ("/docker/ID/init.scope", Some("docker")),
            ("/system.slice/docker-ID.scope", Some("docker")),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/docker-ID.scope", Some("docker")),
            ("/system.slice:docker:ID", Some("docker")),
            ("/ecs/3f0e1f8c/ID", None),
            ("/my-parent/ID", None),
            ("/kubepods/burstable/pod2b8e0e0a-5a41-4f8e-9a2b-ad8f4cfd5d41/ID", Some("containerd")),
            ("/kubepods.slice/kubepods-pod2b8e.slice/cri-containerd-ID.scope", Some("containerd")),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2b8e0e0a_5a41.slice/cri-containerd-ID.scope/init",
                Some("containerd"),
            ),
            ("/system.slice/containerd.service/kubepods-besteffort-pod2b.slice:cri-containerd:ID", Some("containerd")),
            ("/k8s.io/ID", Some("containerd")),
            ("/system.slice/nerdctl-ID.scope", Some("containerd")),
            ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/crio-ID.scope", Some("cri-o")),
            ("/kubepods/besteffort/pod1/crio-ID", Some("cri-o")),
            ("/machine.slice/libpod-ID.scope", Some("podman")),
            ("/machine.slice/libpod-ID.scope/container", Some("podman")),
            ("/libpod_parent/libpod-ID", Some("podman")),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container", Some("podman")),
            ("/system.slice/web.service/libpod-payload-ID", Some("podman")),
            ("/machine.slice/machine-libpod_pod_1.slice/libpod-ID.scope", Some("podman")),
        ] {
            assert_eq!(find(&path.replace("ID", ID)), Some((ID, runtime)), "{path}");
        }
    }

    #[test]
    fn innermost_container_is_the_process_s_own() {
        for (path, runtime) in [
            ("/docker/OTHER/kubelet.slice/kubelet-kubepods.slice/cri-containerd-ID.scope", "containerd"),
            ("/docker/OTHER/kubelet/kubepods/burstable/pod2b8e/ID", "containerd"),
            ("/system.slice/docker-OTHER.scope/docker/ID", "docker"),
            ("/machine.slice/libpod-OTHER.scope/container/kubelet.slice/crio-ID.scope/container", "cri-o"),
            ("/lxc.payload.node/system.slice/docker-ID.scope", "docker"),
            // A monitor is in the container that its own is in.
            ("/docker/ID/kubelet.slice/crio-conmon-OTHER.scope", "docker"),
            ("/docker/ID/libpod_parent/libpod-OTHER/conmon", "docker"),
        ] {
            let path = path.replace("ID", ID).replace("OTHER", OTHER);
            assert_eq!(find(&path), Some((ID, Some(runtime))), "{path}");
        }
    }

    #[test]
    fn runtimes_with_names_instead_of_ids() {
        for (path, name, runtime) in [
            ("/lxc.payload.web", "web", "lxc"),
            ("/lxc.payload.web/system.slice/nginx.service", "web", "lxc"),
            ("/lxc.payload/web", "web", "lxc"),
            ("/lxc/101/ns/init.scope", "101", "lxc"),
            ("/user.slice/user-1000.slice/session-1.scope/lxc.payload.mine/init.scope", "mine", "lxc"),
            ("/machine.slice/machine-web.scope/payload/system.slice/nginx.service", "web", "systemd-nspawn"),
            (r"/machine.slice/machine-my\x2dweb.scope/payload", "my-web", "systemd-nspawn"),
            ("/machine.slice/systemd-nspawn@web.service/payload/init.scope", "web", "systemd-nspawn"),
        ] {
            assert_eq!(find(path), Some((name, Some(runtime))), "{path}");
        }
    }

    #[test]
    fn not_containers() {
        for path in [
            "/",
            "",
            "/system.slice/docker.service",
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/libpod_parent/libpod-ID/conmon",
            "/system.slice/web.service/supervisor",
            "/docker/IDff",
            "/docker/4fcbdd3ae0a1",
            "/system.slice/docker-4fcbdd3ae0a1.scope",
            "/system.slice/other-ID.scope",
            "/lxc.monitor.web",
            "/lxc",
            "/home/lxc/web",
            r"/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator",
            "/machine.slice/machine-web.scope/supervisor",
            "/machine.slice/systemd-nspawn@web.service/supervisor",
            "/docker/é",
        ] {
            assert_eq!(find(&path.replace("ID", ID)), None, "{path}");
        }
        assert_eq!(find(&format!("/docker/{}", ID.to_uppercase())), None);
        assert_eq!(find(&format!("/docker/é{}", &ID[1..])), None);
    }
}
