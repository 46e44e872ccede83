//! Containers, images, pods and workloads by name.

use std::sync::Arc;

/// A container, from the state of its runtime. Unknown values are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name; in a pod the name in the pod's specification.
    pub name: Option<Arc<str>>,
    pub image: Option<Image>,
    pub pod: Option<Pod>,
}

/// A reference to an image: its name and its tag. The digest, which changes with every build, is omitted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    reference: Arc<str>,
    /// Length of the name in `reference`.
    name: usize,
}

impl Image {
    /// Parses `[REGISTRY/]NAME[:TAG][@DIGEST]`. `None` for a digest without a name.
    #[must_use]
    pub fn parse(reference: &str) -> Option<Self> {
        let reference = reference.split_once('@').map_or(reference, |(reference, _)| reference);
        let last = reference.rfind('/').map_or(0, |slash| slash + 1);
        let tag = reference.get(last..)?.find(':').map(|colon| last + colon);
        let name = tag.unwrap_or(reference.len());
        let is_digest = reference.starts_with("sha256:") || (name == 64 && is_hex(reference));
        (name > last && !is_digest).then(|| Self { reference: reference.into(), name })
    }

    #[must_use]
    pub fn from_parts(name: &str, tag: Option<&str>) -> Self {
        let reference = tag.map_or_else(|| name.into(), |tag| format!("{name}:{tag}").into());
        Self { reference, name: name.len() }
    }

    /// Name and tag, the form in rules.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The name, with the registry if there is one.
    #[must_use]
    pub fn name(&self) -> &str {
        self.reference.get(..self.name).unwrap_or_default()
    }

    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.reference.get(self.name + 1..)
    }
}

/// A Kubernetes pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    /// The workload that created it.
    pub workload: Workload,
    /// Namespace and workload, the form in rules.
    subject: Arc<str>,
}

impl Pod {
    #[must_use]
    pub fn new(namespace: &str, name: &str, workload: Workload) -> Self {
        let subject = format!("{namespace}/{}", workload.name).into();
        Self { namespace: namespace.into(), name: name.into(), workload, subject }
    }

    /// `NAMESPACE/WORKLOAD`, which stays the same when the pod is replaced.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// A workload. Its name stays the same, while the names of its pods change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name; that of the pod without a workload.
    pub name: Arc<str>,
    /// Its kind, if the form of the pod's name shows it.
    pub kind: Option<WorkloadKind>,
}

/// Kinds of workloads that the names of their pods distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkloadKind {
    /// `NAME-HASH-RANDOM`.
    Deployment,
    /// `NAME-NUMBER`.
    StatefulSet,
    /// `NAME-MINUTE-RANDOM`.
    CronJob,
}

impl WorkloadKind {
    pub const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::CronJob];
}

/// The alphabet of generated names in Kubernetes, without vowels and similar characters
/// (`k8s.io/apimachinery/pkg/util/rand`).
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// The decimal digits in that alphabet (`SafeEncodeString`), which the hash of a pod template consists of.
const HASH_DIGITS: &[u8] = b"456789bcdf";
/// Length of the random suffix of a pod's name.
const RANDOM: usize = 5;

impl Workload {
    /// The workload of a pod, derived from its name. `node` is the name of this host, the suffix of static pods, which the kubelet
    /// creates from files.
    ///
    /// | pod | created by | workload |
    /// |---|---|---|
    /// | `web-6b7f9d8c5d-x2lvq` | a Deployment | `web` |
    /// | `backup-29012345-x2lvq` | a `CronJob` | `backup` |
    /// | `agent-x2lvq` | a `DaemonSet`, a Job or a `ReplicaSet` | `agent` |
    /// | `db-0` | a `StatefulSet` | `db` |
    /// | `etcd-NODE` | a file of the node | `etcd` |
    /// | other | unknown | the same |
    #[must_use]
    pub fn from_pod_name(name: &str, node: Option<&str>) -> Self {
        if let Some(from_file) = node.and_then(|node| name.strip_suffix(node)?.strip_suffix('-')) {
            return Self::known(from_file, None);
        }
        let split = |name| str::rsplit_once(name, '-').filter(|(front, _)| !front.is_empty());
        let Some((front, last)) = split(name) else { return Self::known(name, None) };
        if last.len() == RANDOM && is_of(last, ALPHABET) {
            return match split(front) {
                // Until 2046 minutes begin with 2 or 3, and seconds with 1.
                Some((name, hash)) if (6..=10).contains(&hash.len()) && is_of(hash, HASH_DIGITS) => {
                    Self::known(name, Some(WorkloadKind::Deployment))
                }
                Some((name, minute)) if is_minute(minute) => Self::known(name, Some(WorkloadKind::CronJob)),
                _ => Self::known(front, None),
            };
        }
        let is_ordinal = last.len() <= 5 && is_of(last, b"0123456789") && (last == "0" || !last.starts_with('0'));
        if is_ordinal { Self::known(front, Some(WorkloadKind::StatefulSet)) } else { Self::known(name, None) }
    }

    fn known(name: &str, kind: Option<WorkloadKind>) -> Self {
        Self { name: name.into(), kind }
    }
}

/// The minutes since 1970 in the name of a `CronJob`'s job; seconds before Kubernetes 1.21.
fn is_minute(text: &str) -> bool {
    matches!(text.len(), 8 | 10) && is_of(text, b"0123456789")
}

fn is_of(text: &str, alphabet: &[u8]) -> bool {
    !text.is_empty() && text.bytes().all(|byte| alphabet.contains(&byte))
}

fn is_hex(text: &str) -> bool {
    is_of(text, b"0123456789abcdef")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_reference_keeps_tag_without_digest() {
        let digest = "a".repeat(64);
        for (reference, parts) in [
            ("nginx", Some(("nginx", None))),
            ("nginx:1.27", Some(("nginx", Some("1.27")))),
            ("docker.io/library/nginx:1.27", Some(("docker.io/library/nginx", Some("1.27")))),
            ("registry.example:5000/team/app", Some(("registry.example:5000/team/app", None))),
            ("registry.example:5000/team/app:v2", Some(("registry.example:5000/team/app", Some("v2")))),
            (&format!("nginx:1.27@sha256:{digest}"), Some(("nginx", Some("1.27")))),
            (&format!("nginx@sha256:{digest}"), Some(("nginx", None))),
            (&format!("sha256:{digest}"), None),
            (&digest, None),
            ("", None),
            (":1", None),
            ("a/", None),
        ] {
            let image = Image::parse(reference);
            assert_eq!(image.as_ref().map(|image| (image.name(), image.tag())), parts, "{reference}");
            let again = image.as_ref().map(|image| Image::from_parts(image.name(), image.tag()));
            assert_eq!(again, image, "{reference}");
        }
    }

    #[test]
    fn workload_is_derived_from_the_pod_name() {
        use WorkloadKind::{CronJob, Deployment, StatefulSet};
        for (pod, name, kind) in [
            ("web-6b7f9d8c5d-x2lvq", "web", Some(Deployment)),
            ("web-shop-78d49fb-x2lvq", "web-shop", Some(Deployment)),
            ("backup-29012345-x2lvq", "backup", Some(CronJob)),
            ("backup-1700000000-x2lvq", "backup", Some(CronJob)),
            ("web-4567894567-x2lvq", "web", Some(Deployment)),
            ("agent-x2lvq", "agent", None),
            ("node-exporter-8h4kp", "node-exporter", None),
            ("db-0", "db", Some(StatefulSet)),
            ("db-shard-12", "db-shard", Some(StatefulSet)),
            ("db-007", "db-007", None),
            ("etcd-node-1", "etcd", None),
            ("etcd-other-node", "etcd-other-node", None),
            ("redis-cache", "redis-cache", None),
            ("debug", "debug", None),
            ("-x2lvq", "-x2lvq", None),
            ("", "", None),
        ] {
            let workload = Workload::from_pod_name(pod, Some("node-1"));
            assert_eq!((&*workload.name, workload.kind), (name, kind), "{pod}");
        }
        assert_eq!(Workload::from_pod_name("etcd-node-1", None).kind, Some(StatefulSet));
        assert_eq!(
            Pod::new("shop", "web-6b7f9d8c5d-x2lvq", Workload::from_pod_name("web-6b7f9d8c5d-x2lvq", None)).subject(),
            "shop/web"
        );
    }
}
