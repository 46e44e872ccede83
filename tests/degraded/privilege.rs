//! Fewer privileges than the kernel layers need.

use crate::environment::{Environment, Installed};
use crate::traffic::{Preexisting, opened, trace_connect};

/// The capabilities that the remedy of `no_bpf_privilege` names.
const SUFFICIENT: [&str; 4] = ["bpf", "net_admin", "perfmon", "sys_ptrace"];

pub(crate) fn requested_layer_names_its_missing_privileges(egret: &Installed) {
    for environment in [Environment::whole().nobody(), Environment::whole().powerless_root()] {
        for layer in ["sockets", "syscalls"] {
            let ran = environment.run(egret, &["trace", "--capture", layer, "--duration", "1s"]);
            let ran = ran.ends_with(3).stderr_has(&[layer, "CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]);
            assert!(ran.stdout.is_empty(), "{ran}");
        }
    }
}

/// Each capability is needed, and is the only one named if it alone is missing.
pub(crate) fn single_missing_capability_is_named(egret: &Installed) {
    for missing in ["bpf", "perfmon", "net_admin"] {
        let rest: Vec<&str> = SUFFICIENT.into_iter().filter(|name| *name != missing).collect();
        let ran = Environment::whole().nobody_with(&rest).run(egret, &["trace", "--capture", "sockets"]).ends_with(3);
        let name = format!("missing CAP_{};", missing.to_uppercase());
        ran.stderr_has(&[&name]);
    }
}

/// The suggested remedy is sufficient.
pub(crate) fn unprivileged_user_captures_with_the_suggested_capabilities(egret: &Installed) {
    let environment = Environment::whole().nobody_with(&SUFFICIENT);
    let (ran, pid, port) = trace_connect(&environment, egret, &["--capture", "sockets"]);
    let ran = ran.ends_with(0).adds_up();
    let event = opened(&ran, port);
    assert_eq!(event["process.pid"], pid, "{ran}");
    assert_eq!(event["process.user.id"], 65534, "{ran}");
    environment.run(egret, &["doctor"]).ends_with(0);
}

pub(crate) fn auto_without_privileges_falls_back_to_scans_with_a_reason(egret: &Installed) {
    let preexisting = Preexisting::new();
    for environment in [Environment::whole().nobody(), Environment::whole().powerless_root()] {
        let ran = environment.run(egret, &["trace", "--format", "json", "--duration", "1s"]).ends_with(0).adds_up();
        let ran = ran.stderr_has(&["sockets", "CAP_BPF", "scan_only"]);
        assert!(ran.events().iter().all(|event| event["egret.capture"] == "procfs"), "{ran}");
        let ours = ran.events().into_iter().filter(|event| event["network.peer.port"] == preexisting.port()).count();
        assert_eq!(ours, 1, "the preexisting connection to port {}: {ran}", preexisting.port());
    }
}

pub(crate) fn scans_need_no_privilege(egret: &Installed) {
    let ran = Environment::whole().nobody().run(egret, &["trace", "--capture", "procfs", "--duration", "500ms"]);
    ran.ends_with(0).adds_up().stderr_lacks(&["CAP_BPF"]);
}

pub(crate) fn doctor_names_missing_privileges(egret: &Installed) {
    for environment in [Environment::whole().nobody(), Environment::whole().powerless_root()] {
        let ran = environment.run(egret, &["doctor"]).ends_with(3);
        for text in ["missing CAP_BPF", "no_bpf_privilege", "run as root", "--capture auto takes procfs"] {
            assert!(ran.stdout.contains(text), "no {text:?}: {ran}");
        }
        let report = &environment.run(egret, &["doctor", "--json"]).ends_with(3).events()[0];
        assert_eq!(report["layers"][0]["available"], false, "{report}");
        assert_eq!(report["layers"][2]["chosen"], true, "{report}");
    }
}
