//! Draws the dashboards with Grafana's own libraries in a browser, with the data of the live Prometheus and the log.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use egret_tests::{Scratch, egret, needing, needing_python, python, test_alone};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::checks::dashboards::dashboards;
use crate::live::{MET, Scene, for_drawing, has_mode, rehearse_and_enforce, wanted};
use crate::source::grafana;

/// Long enough for time series to have several points.
const OBSERVED: Duration = Duration::from_secs(60);

pub(crate) fn trials() -> Vec<Trial> {
    let drawing = |name: &str, body: fn()| {
        let test = needing("prometheus", needing("dnsmasq", needing_python(test_alone(name, body))));
        if env::var_os("EGRET_TEST_FULL").is_none() {
            return ignored(name, "needs --full");
        }
        if project().join("node_modules/@grafana/ui").is_dir() {
            needing("chromium", test)
        } else {
            ignored(name, "needs its npm packages")
        }
    };
    vec![drawing("drawn::dashboards_match_the_types_of_grafana", types), drawing("drawn::every_panel_is_drawn", drawn)]
}

fn ignored(name: &str, reason: &str) -> Trial {
    Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true)
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/render")
}

/// Problems that a program of the project reports.
fn said(program: &str, arguments: &[PathBuf]) -> String {
    let output = Command::new("node").arg(project().join(program)).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), said.is_empty(), "{}: {said}", output.status);
    said
}

/// The dashboards match Grafana's types, and mistakes are reported.
fn types() {
    let files: Vec<PathBuf> =
        dashboards().into_iter().map(|(name, _)| grafana().join(format!("dashboards/{name}.json"))).collect();
    assert_eq!(said("schema.js", &files), "");

    let scratch = Scratch::new();
    let (_, mut broken) = dashboards().remove(0);
    broken["colour"] = json!("blue");
    broken["panels"][1]["options"]["graphMode"] = json!("big");
    broken["panels"][1]["fieldConfig"]["defaults"]["color"]["mode"] = json!("plain");
    let file = scratch.path("broken.json");
    fs::write(&file, broken.to_string()).unwrap();
    let report = said("schema.js", &[file]);
    for mistake in ["colour", "/graphMode", "/color/mode"] {
        assert!(report.contains(mistake), "{report}");
    }
}

/// Replaces paths of the build by installed ones, so that pictures do not depend on where they were made. The test
/// queries Prometheus in Grafana's place, and uses its name.
fn as_installed(text: &str, scene: &Scene) -> String {
    let path = env::var_os("PATH").unwrap_or_default();
    let prometheus = env::split_paths(&path).map(|directory| directory.join("prometheus")).find(|file| file.is_file());
    let programs = [
        (env::current_exe().unwrap(), "/usr/bin/grafana"),
        (egret(), "/usr/bin/egret"),
        (prometheus.unwrap(), "/usr/bin/prometheus"),
        (python(), "/usr/bin/python3"),
        (scene.agent(), "/opt/backup/backup-agent"),
    ];
    programs.into_iter().fold(text.to_owned(), |text, (program, installed)| {
        text.replace(&*program.canonicalize().unwrap().to_string_lossy(), installed)
    })
}

/// No panel shows an error, or "No data" although there are data. `EGRET_BLESS=1` keeps the pictures.
fn drawn() {
    let scene = Scene::start();
    let met: &[&str] = if has_mode() { &MET } else { &[] };
    scene.traffic_for(OBSERVED);
    if has_mode() {
        rehearse_and_enforce(&scene);
    }
    let wanted = wanted(met);
    scene.until_answered(&wanted);
    let scratch = Scratch::new();
    let bless = env::var_os("EGRET_BLESS").is_some();
    let pictures = if bless { grafana().join("../docs/pictures") } else { scratch.path("pictures") };
    let mut arguments = vec![pictures];
    let mut last = Value::Null;
    // Dashboards without data are not drawn.
    for wanted in wanted.iter().filter(|wanted| !wanted.with_data.is_empty()) {
        last = for_drawing(wanted, &scene.answers(wanted), scene.times());
        let file = scratch.path(&format!("{}.json", wanted.name));
        fs::write(&file, as_installed(&last.to_string(), &scene)).unwrap();
        arguments.push(file);
    }
    scene.finish();
    assert_eq!(said("draw.js", &arguments), "");

    let id = last["withData"][0].to_string();
    last["answers"][&id]["A"] = json!({ "result": [] });
    let file = scratch.path("broken.json");
    fs::write(&file, last.to_string()).unwrap();
    let report = said("draw.js", &[scratch.path("broken"), file]);
    assert!(report.ends_with(": No data\n") && report.lines().count() == 1, "{report}");
}
