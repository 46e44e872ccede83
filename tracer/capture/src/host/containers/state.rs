//! The state files of container runtimes.
//!
//! | runtime | file | read from it |
//! |---|---|---|
//! | Docker | `DATA/containers/ID/config.v2.json` (`container.Container` of moby's `daemon/container`) | `Name`, with cri-dockerd `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`, and `Config.Image`; labels are ignored, because images can set them |
//! | Podman | `STORAGE/DRIVER-containers/{,volatile-}containers.json` (`Container` of containers/storage) | `metadata`, a JSON text of libpod's `RuntimeContainerMetadata` |
//! | CRI-O | `STORAGE/DRIVER-containers/ID/userdata/config.json` | annotations (`pkg/annotations` of cri-o) |
//! | containerd | `STATE/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json` | annotations (`pkg/cri/annotations` of containerd) |
//! | kubelet | `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` (`legacyLogSymlink`) | the file's name |

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egret_model::{Container, Image, Pod, Workload};
use serde::Deserialize;

use super::files::{directories_ending, entries, json, value};

/// Bytes of the state of one container. Docker's has some kilobytes, a bundle's some tens of them.
const MAX_STATE: u64 = 4 << 20;
/// Bytes of the list of all containers of a storage, each of them some hundred bytes.
const MAX_LIST: u64 = 16 << 20;

/// Labels of the kubelet (`pkg/kubelet/types` of kubernetes), which CRI-O keeps.
const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
const POD_CONTAINER: &str = "io.kubernetes.container.name";

type Texts = HashMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Docker {
    #[serde(default)]
    name: String,
    config: DockerConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerConfig {
    #[serde(default)]
    image: String,
}

/// From the data directory of a Docker daemon.
pub(super) fn docker(data: &Path, id: &str, node: Option<&str>) -> Option<Container> {
    let state: Docker = json(&data.join("containers").join(id).join("config.v2.json"), MAX_STATE)?;
    let name = state.name.strip_prefix('/').unwrap_or(&state.name);
    let image = image(&state.config.image);
    if let ["k8s", container, pod_name, namespace, _, _] = name.split('_').collect::<Vec<_>>().as_slice() {
        let pod = pod(value(namespace), value(pod_name), node);
        return Some(Container { name: value(container), image, pod });
    }
    Some(Container { name: value(name), image, ..Container::default() })
}

/// The data directory of a Docker daemon, if `daemon.json` has one.
pub(super) fn docker_data(configuration: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Daemon {
        data_root: PathBuf,
    }
    json(configuration, MAX_STATE).map(|daemon: Daemon| daemon.data_root)
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    #[serde(default)]
    metadata: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    image_name: String,
}

/// From the container storage of Podman.
pub(super) fn podman(storage: &Path, id: &str) -> Option<Container> {
    let lists = directories_ending(storage, "-containers").into_iter().flat_map(|directory| {
        // Containers that are removed when they end are in the second.
        ["containers.json", "volatile-containers.json"].map(|name| directory.join(name))
    });
    lists.into_iter().find_map(|list| {
        let containers: Vec<Stored> = json(&list, MAX_LIST)?;
        let stored = containers.into_iter().find(|stored| stored.id == id)?;
        let metadata: Metadata = serde_json::from_str(&stored.metadata).ok()?;
        let (name, image) = (value(&metadata.name), image(&metadata.image_name));
        Some(Container { name, image, ..Container::default() })
    })
}

#[derive(Deserialize)]
struct Bundle {
    annotations: Option<Texts>,
}

/// From a container storage of CRI-O, the volatile or the persistent one.
pub(super) fn cri_o(storage: &Path, id: &str, node: Option<&str>) -> Option<Container> {
    directories_ending(storage, "-containers").into_iter().find_map(|directory| {
        let bundle: Bundle = json(&directory.join(id).join("userdata/config.json"), MAX_STATE)?;
        let annotations = bundle.annotations?;
        let labels: Texts = annotations
            .get("io.kubernetes.cri-o.Labels")
            .and_then(|labels| serde_json::from_str(labels).ok())
            .unwrap_or_default();
        let label = |key| text(&labels, key);
        // Podman's containers have such files too.
        let pod = pod(label(POD_NAMESPACE), label(POD_NAME), node)?;
        let image = ["io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Image"];
        Some(Container {
            name: label(POD_CONTAINER),
            image: image.into_iter().find_map(|key| self::image(annotations.get(key)?)),
            pod: Some(pod),
        })
    })
}

/// From the task directory of containerd.
pub(super) fn containerd(state: &Path, id: &str, node: Option<&str>) -> Option<Container> {
    let tasks = state.join("io.containerd.runtime.v2.task");
    let bundle = |namespace: String| json::<Bundle>(&tasks.join(namespace).join(id).join("config.json"), MAX_STATE);
    let annotations = entries(&tasks).find_map(bundle)?.annotations?;
    let text = |key| text(&annotations, key);
    Some(Container {
        name: text("io.kubernetes.cri.container-name"),
        image: annotations.get("io.kubernetes.cri.image-name").and_then(|reference| image(reference)),
        pod: pod(text("io.kubernetes.cri.sandbox-namespace"), text("io.kubernetes.cri.sandbox-name"), node),
    })
}

/// From the names of the links to log files that the kubelet creates for each container.
pub(super) fn kubelet(logs: &Path, id: &str, node: Option<&str>) -> Option<Container> {
    let suffix = format!("-{id}.log");
    let link = entries(logs).find(|name| name.ends_with(&suffix))?;
    // None of these names may have the separator.
    let mut parts = link.strip_suffix(&suffix)?.split('_');
    let (pod_name, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    let pod = pod(value(namespace), value(pod_name), node);
    (parts.next().is_none() && pod.is_some()).then(|| Container { name: value(name), pod, ..Container::default() })
}

fn text(texts: &Texts, key: &str) -> Option<Arc<str>> {
    texts.get(key).and_then(|text| value(text))
}

fn image(reference: &str) -> Option<Image> {
    Image::parse(&value(reference)?)
}

fn pod(namespace: Option<Arc<str>>, name: Option<Arc<str>>, node: Option<&str>) -> Option<Pod> {
    let (namespace, name) = namespace.zip(name)?;
    // With a slash in one of them the pair would be ambiguous.
    let is_plain = !namespace.contains('/') && !name.contains('/');
    is_plain.then(|| Pod::new(&namespace, &name, Workload::from_pod_name(&name, node)))
}
