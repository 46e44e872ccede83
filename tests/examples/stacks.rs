//! The stacks for Docker Compose and Kubernetes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use egret_tests::{Scratch, Setup, Traffic, needing, needing_python, python, stdout_of, test};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::{example, ran};

const COMPOSE: &str = "compose/compose.yaml";
const DAEMON_SET: &str = "kubernetes/daemonset.yaml";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        needing_python(test("stacks::compose_files_follow_their_specification", compose)),
        needing_python(test("stacks::daemon_set_follows_the_kubernetes_schema", daemon_set)),
        needing_python(test("stacks::every_stack_runs_this_version", version)),
        needing_python(test("stacks::mounted_files_exist", mounted)),
        needing_python(test("stacks::each_service_sends_to_the_address_of_the_next", wired)),
        needing_python(test("stacks::grafana_finds_its_dashboards_and_data_sources", grafana)),
        needing_python(test("stacks::collector_pipelines_are_complete", collector)),
        needing_python(test("stacks::compose_and_daemon_set_grant_the_same_privileges", privileges)),
        needing_python(test("stacks::container_privileges_are_sufficient", enough)),
        needing("promtool", test("stacks::prometheus_accepts_its_configuration", prometheus)),
    ]
}

/// The documents of a YAML file.
fn documents(name: &str) -> Vec<Value> {
    const READ: &str = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    serde_json::from_str(&stdout_of(Command::new(python()).args(["-c", READ]).arg(example(name)))).unwrap()
}

fn document(name: &str) -> Value {
    documents(name).remove(0)
}

/// Asserts that a checker accepts the file, and refuses it after a replacement.
fn checked(name: &str, checker: &[&str], replace: (&str, &str)) {
    let scratch = Scratch::new();
    let check = |file: &Path| ran(Command::new(python()).args(checker).arg(file));
    let (passes, stdout, stderr) = check(&example(name));
    assert!(passes, "{stdout}{stderr}");
    let text = fs::read_to_string(example(name)).unwrap();
    assert!(text.contains(replace.0));
    let broken = scratch.path("broken.yaml");
    fs::write(&broken, text.replacen(replace.0, replace.1, 1)).unwrap();
    assert!(!check(&broken).0, "{replace:?} goes unnoticed");
}

fn compose() {
    let checker = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"];
    checked(COMPOSE, &checker, ("network_mode: host", "networkmode: host"));
}

fn daemon_set() {
    checked(DAEMON_SET, &["-m", "kubernetes_validate", "--strict"], ("hostPID: true", "hostPid: true"));
}

fn pod() -> Value {
    let daemon_set = documents(DAEMON_SET).into_iter().find(|document| document["kind"] == "DaemonSet").unwrap();
    daemon_set["spec"]["template"]["spec"].clone()
}

fn version() {
    let image = concat!("egret:", env!("CARGO_PKG_VERSION"));
    assert_eq!(document(COMPOSE)["services"]["egret"]["image"], image);
    let pulled = pod()["containers"][0]["image"].clone();
    assert!(pulled.as_str().unwrap().ends_with(&format!("/{image}")), "{pulled}");
    for name in ["container/Dockerfile", "README.md"] {
        assert!(fs::read_to_string(example(name)).unwrap().contains(image), "{name}");
    }
}

/// The volumes that a service of the stack is given, as source and target.
fn volumes(service: &Value) -> Vec<(String, String)> {
    let split = |volume: &Value| {
        let mut parts = volume.as_str().unwrap().split(':').map(str::to_owned);
        (parts.next().unwrap(), parts.next().unwrap())
    };
    service["volumes"].as_array().map_or_else(Vec::new, |volumes| volumes.iter().map(split).collect())
}

fn mounted() {
    let stack = document(COMPOSE);
    let (directory, named) = (example("compose"), stack["volumes"].as_object().unwrap());
    let mut used = BTreeSet::new();
    for (name, service) in stack["services"].as_object().unwrap() {
        for (source, target) in volumes(service) {
            assert!(target.starts_with('/'), "{name}: {target}");
            match source.as_bytes()[0] {
                b'.' => assert!(directory.join(&source).exists(), "{name}: no {source}"),
                b'/' => {}
                _ => assert!(used.insert(source.clone()) && named.contains_key(&source), "{name}: {source}"),
            }
        }
    }
    assert_eq!(used.len(), named.len());
    let build = &stack["services"]["egret"]["build"];
    let context = directory.join(build["context"].as_str().unwrap());
    let dockerfile = fs::read_to_string(context.join("Dockerfile")).unwrap();
    // The package need not exist yet.
    let package = build["additional_contexts"]["package"].as_str().unwrap();
    assert_eq!(package, "${EGRET_DEB:-../../target/deb}");
    assert!(dockerfile.contains("COPY --from=package egret_*.deb "), "{dockerfile}");
}

fn wired() {
    let (stack, collector, tempo) =
        (document(COMPOSE), document("compose/collector.yaml"), document("compose/tempo.yaml"));
    let services = stack["services"].as_object().unwrap();
    let all_on_the_host = services.values().all(|service| service["network_mode"] == "host");
    assert!(all_on_the_host, "addresses are those of the loopback");
    let protocols = &collector["receivers"]["otlp"]["protocols"];
    let endpoint = |value: &Value| value["endpoint"].as_str().unwrap().to_owned();
    let sent_to = &services["egret"]["environment"]["EGRET_OTLP_ENDPOINT"];
    assert_eq!(sent_to.as_str().unwrap(), format!("http://{}", endpoint(&protocols["http"])));
    let tempo_listens = endpoint(&tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]);
    assert_eq!(endpoint(&collector["exporters"]["otlp/tempo"]), tempo_listens);
    let own = &collector["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"];
    let own = format!("{}:{}", own["host"].as_str().unwrap(), own["port"]);
    let scraped: Vec<String> = document("compose/prometheus.yml")["scrape_configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["static_configs"][0]["targets"][0].as_str().unwrap().to_owned())
        .collect();
    // egret's own address is the default, which its configuration omits.
    assert_eq!(scraped, ["127.0.0.1:9464", &own]);
    // All ports differ.
    let listening = [endpoint(&protocols["http"]), endpoint(&protocols["grpc"]), tempo_listens, own];
    assert_eq!(listening.iter().collect::<BTreeSet<_>>().len(), listening.len(), "{listening:?}");
    assert!(listening.iter().all(|address| address.starts_with("127.0.0.1:")), "{listening:?}");
}

/// Dashboards are mounted where Grafana reads them, and every data source has a name and a port of the stack.
fn grafana() {
    let (stack, tempo) = (document(COMPOSE), document("compose/tempo.yaml"));
    let service = &stack["services"]["grafana"];
    let provided = document("../grafana/provisioning/dashboards/egret.yml");
    let path = provided["providers"][0]["options"]["path"].as_str().unwrap();
    assert!(volumes(service).contains(&("../../grafana/dashboards".into(), path.into())), "{path}: {service}");
    let sources = document("../grafana/provisioning/datasources/egret.yml");
    let asked: BTreeSet<&str> =
        sources["datasources"].as_array().unwrap().iter().filter_map(|source| source["url"].as_str()).collect();
    let tempo = format!("http://tempo:{}", tempo["server"]["http_listen_port"]);
    assert_eq!(asked, BTreeSet::from(["http://prometheus:9090", &tempo]));
    assert_eq!(service["extra_hosts"], serde_json::json!(["prometheus:127.0.0.1", "tempo:127.0.0.1"]));
    let prometheus = stack["services"]["prometheus"]["command"].to_string();
    assert!(prometheus.contains("--web.listen-address=127.0.0.1:9090"), "{prometheus}");
}

/// Every component of a pipeline is configured, and every configured component is in a pipeline.
fn collector() {
    let collector = document("compose/collector.yaml");
    for kind in ["receivers", "processors", "exporters"] {
        let set_up: BTreeSet<&str> = collector[kind].as_object().unwrap().keys().map(String::as_str).collect();
        let pipelines = collector["service"]["pipelines"].as_object().unwrap();
        let named = pipelines.values().flat_map(|pipeline| pipeline[kind].as_array().unwrap());
        assert_eq!(named.map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>(), set_up, "{kind}");
    }
}

fn capabilities(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_lowercase()).collect()
}

fn given_by_compose() -> BTreeSet<String> {
    capabilities(&document(COMPOSE)["services"]["egret"]["cap_add"])
}

fn privileges() {
    let pod = pod();
    let container = &pod["containers"][0];
    assert_eq!(capabilities(&container["securityContext"]["capabilities"]["add"]), given_by_compose());
    assert_eq!((&pod["hostPID"], &pod["hostNetwork"]), (&true.into(), &true.into()));
    // The pod mounts the same host paths as the compose file; each mount has its volume.
    let mounts: BTreeSet<&str> = container["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .inspect(|mount| {
            let volumes = pod["volumes"].as_array().unwrap();
            assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount}");
        })
        .map(|mount| mount["mountPath"].as_str().unwrap())
        .collect();
    for (source, _) in volumes(&document(COMPOSE)["services"]["egret"]) {
        let of_the_kernel = source.starts_with("/sys/");
        assert!(!of_the_kernel || mounts.contains(source.as_str()), "{source}: {mounts:?}");
    }
}

/// As root with these capabilities only, with read-only tracefs and cgroups.
fn enough() {
    let setup = Setup::new().json();
    let egret = setup.command();
    let given: Vec<String> = given_by_compose().iter().map(|name| format!("+{name}")).collect();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-ec", READ_ONLY, "sh"]);
    command.args(["setpriv", "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all"]);
    command.arg(format!("--bounding-set=-all,{}", given.join(",")));
    command.arg(egret.get_program()).args(egret.get_args());
    let daemon = setup.start_by(command);
    let status = daemon.status();
    assert_eq!(status["layer"], "sockets", "{status}");
    let report = Traffic::new(&["tcp-blocking", "--wait-stdin"]).run();
    let events = daemon.wait_for_lines(&report);
    assert!(events.iter().any(|event| event.pid == Some(report.pid) && event.path.is_some()), "{events:?}");
    let ended = daemon.stop();
    assert!(ended.status.success() && !ended.stderr.contains("WARN"), "{}", ended.stderr);
}

/// Runs its arguments with the read-only mounts of a container.
const READ_ONLY: &str = "
for kind in tracefs cgroup2; do
  while read -r _ place type _; do
    if [ \"$type\" = $kind ]; then mount -o remount,bind,ro \"$place\"; fi
  done < /proc/self/mounts
done
exec \"$@\"";

fn prometheus() {
    let (passes, stdout, stderr) =
        ran(Command::new("promtool").args(["check", "config"]).arg(example("compose/prometheus.yml")));
    assert!(passes, "{stdout}{stderr}");
}
