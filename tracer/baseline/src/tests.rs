use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use egret_args::Invocation;
use egret_model::{Cgroup, Endpoint, Event, EventName, Executable, NamedBy, Process, Timestamp, Transport, sample};
use egret_recorded::Recorded;
use egret_view::exit;
use serde_json::Value;
use tempfile::TempDir;

use super::write;

/// 2026-11-20T08:00:00Z.
const MORNING: i64 = 1_795_161_600_000_000_000;
const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

fn process(path: &str, args: &[&str], unit: Option<&str>) -> Arc<Process> {
    let executable = Executable {
        path: Some(path.into()),
        args: args.iter().map(|argument| (*argument).into()).collect(),
        ..Executable::default()
    }
    .interpreted();
    let cgroup = unit
        .map(|unit| Arc::new(Cgroup { unit: Some(unit.into()), unit_named_by: NamedBy::System, ..Cgroup::default() }));
    Arc::new(Process { executable: Arc::new(executable), cgroup, ..sample::process() })
}

/// A connection to a name or address, opened some time after [`MORNING`].
fn flow(after: i64, path: &str, host: &str, port: u16) -> Event {
    let address = if host.parse::<std::net::IpAddr>().is_ok() { host } else { "192.0.2.7" };
    Event {
        time: Timestamp(MORNING + after),
        process: Some(process(path, &[path], None)),
        server: (host != address).then(|| sample::server(host)),
        peer: sample::endpoint(address, port),
        ..sample::event()
    }
}

struct Bench {
    directory: TempDir,
    log: Recorded,
}

impl Bench {
    fn new(events: &[Event]) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), log: Recorded::of(events) }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("baseline")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// Runs a command, with `@` for the baseline and `LOG` for the log.
    fn run(&self, arguments: &[&str]) -> (u8, String) {
        let file = self.file().display().to_string();
        let log = self.log.path().display().to_string();
        let arguments = arguments.iter().map(|argument| match *argument {
            "@" => file.clone(),
            "LOG" => log.clone(),
            other => other.to_owned(),
        });
        let line = ["egret".to_owned(), "baseline".to_owned()].into_iter().chain(arguments).map(Into::into);
        let command = match egret_args::parse(line) {
            Ok(Invocation::Baseline(command)) => command,
            other => panic!("{other:?}"),
        };
        let mut out = Vec::new();
        let status = write(&command, &mut out).unwrap_or_else(|error| crate::status_of(&error).unwrap_or(exit::FAILED));
        (status, String::from_utf8(out).unwrap())
    }

    fn done(&self, arguments: &[&str]) -> String {
        let (status, out) = self.run(arguments);
        assert_eq!(status, exit::DONE, "{arguments:?}: {out}");
        out
    }

    fn learn(&self, more: &[&str]) -> String {
        self.done(&[&["learn", "--baseline", "@", "--log", "LOG"], more].concat())
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        self.done(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Two programs over three days, one of which has a name for each of nine hosts.
fn recorded() -> Vec<Event> {
    let days = (0..3).map(|day| flow(day * DAY, "/usr/bin/git", "example.com", 443));
    let hosts = (0..9_i64).map(|host| flow(DAY + host * HOUR, "/usr/bin/curl", &format!("n{host}.example.org"), 443));
    let mut events: Vec<_> = days.chain(hosts).collect();
    events.push(Event { process: None, ..flow(5, "", "192.0.2.9", 25) });
    events.push(Event { name: EventName::ConnectionClose, ..flow(6, "/usr/bin/odd", "example.net", 1) });
    events.push(Event { inbound: true, ..flow(7, "/usr/bin/odd", "example.net", 1) });
    // A preexisting raw socket.
    let (preexisting, transport) = (true, Some(Transport::Raw(255)));
    events.push(Event {
        preexisting,
        transport,
        peer: Endpoint::default(),
        process: None,
        ..flow(8, "", "192.0.2.9", 25)
    });
    events.sort_by_key(|event| event.time);
    events
}

#[test]
fn a_learned_baseline_allows_the_whole_log() {
    let bench = Bench::new(&recorded());
    let said = bench.learn(&[]);
    assert!(said.contains("13 flows, 10 of them new; 2 rules"), "{said}");
    assert!(
        said.contains("generalised: allow exe=/usr/bin/curl user=alice -> tcp *.example.org 443, for 9 names"),
        "{said}"
    );
    let text = bench.text();
    assert!(text.contains("\nhost host 2026-11-20T08:00:00Z 2026-11-22T08:00:00Z\n"), "{text}");
    assert!(text.contains("\nday 2026-11-21 flows 10 new 9 hours 8-16\n"), "{text}");
    let replay = &bench.json(&["replay", "--baseline", "@", "--log", "LOG", "--json"])[0];
    assert_eq!((&replay["flows"], &replay["allowed"], &replay["would_block"]), (&13.into(), &12.into(), &1.into()));
    assert_eq!(replay["blocked"][0]["reason"], "unattributed");
}

#[test]
fn learning_the_same_log_again_counts_nothing_twice() {
    let bench = Bench::new(&recorded());
    bench.learn(&["--exact"]);
    let once = bench.text();
    bench.learn(&["--exact"]);
    assert_eq!(bench.text(), once);
    // A removed rule is learned again with all flows, which are still in the log.
    bench.done(&["remove", "exe=/usr/bin/git user=alice -> tcp example.com 443", "--baseline", "@"]);
    assert!(!bench.text().contains("git"));
    bench.learn(&["--exact"]);
    let git = |text: &str| text.lines().find(|line| line.contains("git")).map(str::to_owned);
    assert!(git(&once).is_some() && git(&once) == git(&bench.text()), "{}", bench.text());
}

#[test]
fn rules_that_people_wrote_are_kept_and_have_precedence() {
    let bench = Bench::new(&recorded());
    let mine =
        "# Ours.\nformat 1\n\n# The mirror.\nallow exe=/usr/bin/git -> tcp *.com 443\n\ndeny * -> * *.example.org *\n";
    fs::write(bench.file(), mine).unwrap();
    bench.learn(&[]);
    let text = bench.text();
    assert!(
        text.starts_with("# Ours.\nformat 1\n") && text.contains("# The mirror.\nallow exe=/usr/bin/git"),
        "{text}"
    );
    assert!(!text.contains("curl") && text.contains("-> tcp *.com 443  # seen 3 times on 3 days"), "{text}");
}

#[test]
fn a_time_range_of_the_log_is_learned() {
    let bench = Bench::new(&recorded());
    bench.learn(&["--since", "2026-11-22T00:00:00Z"]);
    assert!(bench.text().contains("git") && !bench.text().contains("curl"));
}

#[test]
fn scripts_and_units_are_part_of_the_subject() {
    let python = |script: &str, unit| Event {
        process: Some(process("/usr/bin/python3.11", &["python3", script], unit)),
        ..flow(0, "", "example.org", 443)
    };
    let bench = Bench::new(&[
        python("/srv/a.py", None),
        python("/srv/b.py", Some("b.service")),
        python("-", Some("session-1.scope")),
    ]);
    bench.learn(&["--any-user"]);
    let rules: Vec<String> =
        bench.text().lines().filter_map(|line| line.split_once("  #")).map(|(rule, _)| rule.to_owned()).collect();
    let rule = |subject: &str| format!("allow exe=/usr/bin/python3.11 {subject} -> tcp example.org 443");
    assert_eq!(
        rules,
        [rule("script=- unit=session-*.scope"), rule("script=/srv/a.py"), rule("script=/srv/b.py unit=b.service")]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_gap_of_its_hour() {
    let bench = Bench::new(&recorded());
    let torn = bench.log.path().join("date=2026-11-20/hour=08/other-1600000000000.parquet");
    fs::write(torn, "PAR1").unwrap();
    for _ in 0..2 {
        let (status, _) = bench.run(&["learn", "--baseline", "@", "--log", "LOG"]);
        assert_eq!(status, exit::FAILED);
        let text = bench.text();
        assert_eq!(text.matches("\ngap 2026-11-20T08:00:00Z 2026-11-20T09:00:00Z 0\n").count(), 1, "{text}");
    }
    assert_eq!(bench.run(&["replay", "--baseline", "@", "--log", "LOG"]).0, exit::FAILED);
}

#[test]
fn replay_shows_new_flows_with_the_rules_that_allow_them() {
    let bench = Bench::new(&recorded());
    bench.learn(&["--exact", "--until", "2026-11-21T12:00:00Z"]);
    let table = bench.done(&["replay", "--baseline", "@", "--log", "LOG"]);
    let line = table.lines().find(|line| line.contains("n8.example.org")).unwrap();
    assert!(line.contains("no_rule") && line.contains("2026-11-21T16:00:00Z"), "{table}");
    assert!(table.contains("blocked    6 (46 %)"), "{table}");
    let replay = &bench.json(&["replay", "--baseline", "@", "--log", "LOG", "--json"])[0];
    for blocked in replay["blocked"].as_array().unwrap().iter().filter(|blocked| blocked["reason"] == "no_rule") {
        bench.done(&["allow", "--baseline", "@", blocked["rule"].as_str().unwrap()]);
    }
    let replay = &bench.json(&["replay", "--baseline", "@", "--log", "LOG", "--json"])[0];
    assert_eq!(replay["would_block"], 1);
}

#[test]
fn readiness_gives_reasons_if_not_ready() {
    let bench = Bench::new(&recorded());
    bench.learn(&["--exact"]);
    let text = bench.done(&["readiness", "--baseline", "@"]);
    let verdict = text.lines().next().unwrap();
    for reason in ["not ready: only 3 days were watched", "estimated chance of 75 %", "12 flows are too few to be sure"]
    {
        assert!(verdict.contains(reason), "{reason}: {text}");
    }
    assert!(text.contains("may be 100 %") && text.contains("2026-11-21     10    9   90 %  8-16"), "{text}");
    let json = &bench.json(&["readiness", "--baseline", "@", "--json"])[0];
    assert_eq!((&json["overall"]["ready"], &json["overall"]["novelty_at_most"]), (&false.into(), &1.0.into()));
    assert_eq!((&json["overall"]["seen_once"], &json["subjects"][0]["seen_once"]), (&9.into(), &9.into()));
    let git = bench.done(&["readiness", "--baseline", "@", "--subject", "git"]);
    assert!(git.contains("subject    exe=/usr/bin/git user=alice") && !git.contains("curl"), "{git}");
}

#[test]
fn readiness_from_the_log_learns_day_by_day() {
    let mut events = recorded();
    events.extend((0..9_i64).map(|host| flow(2 * DAY + host, "/usr/bin/curl", &format!("m{host}.example.org"), 443)));
    let bench = Bench::new(&events);
    let ask = |more: &[&str]| {
        let arguments = [&["readiness", "--baseline", "@", "--log", "LOG", "--json"], more].concat();
        bench.json(&arguments)[0].clone()
    };
    let days = |json: &Value| {
        json["days"].as_array().unwrap().iter().map(|day| day["new"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    // Nine names are new on the second day. Nine others on the third are below the domain that they were generalised to.
    assert_eq!(days(&ask(&[])), [1, 9, 0]);
    let exact = ask(&["--exact"]);
    assert_eq!((days(&exact), &exact["untold"]), (vec![1, 9, 9], &1.into()));
    assert_eq!(exact["subjects"][0]["hours_of_day"].as_array().unwrap().len(), 9);
}

#[test]
fn explain_shows_what_a_rule_was_generalised_from() {
    let bench = Bench::new(&recorded());
    bench.learn(&[]);
    let rule = "exe=/usr/bin/curl user=alice -> tcp *.example.org 443";
    let text = bench.done(&["explain", rule, "--baseline", "@", "--log", "LOG"]);
    for said in [
        "replaces   9 names, such as n0.example.org",
        "every name below it",
        "in the log 9 flows",
        "-> tcp n8.example.org 443",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let json = &bench.json(&["explain", "1", "--baseline", "@", "--log", "LOG", "--json"])[0];
    assert_eq!((&json["rule"], &json["generalised"]["members"]), (&rule.into(), &9.into()));
    assert_eq!((&json["log"]["flows"], json["log"]["groups"].as_array().unwrap().len()), (&9.into(), 9));
    assert_eq!(bench.run(&["explain", "3", "--baseline", "@"]).0, exit::FAILED);
}

#[test]
fn rules_are_added_changed_and_removed() {
    let bench = Bench::new(&[]);
    let rule = "exe=/opt/none/curl user=alice -> tcp example.org 443";
    let edit = |verb: &str, more: &[&str]| bench.done(&[&[verb, "--baseline", "@"], more].concat());
    assert_eq!(edit("allow", &[rule, "--note=for anna"]), format!("added: allow {rule}\n"));
    assert_eq!(edit("allow", &[rule]), format!("kept: allow {rule}\n"));
    assert!(bench.text().contains(&format!("allow {rule}  # for anna\n")), "{}", bench.text());
    assert_eq!(edit("deny", &["1"]), format!("changed: deny {rule}\n"));
    assert!(bench.text().contains(&format!("deny {rule}  # for anna\n")), "{}", bench.text());
    assert_eq!(edit("remove", &[&format!("deny {rule}  # copied")]), format!("removed: deny {rule}\n"));
    assert_eq!(bench.run(&["remove", "--baseline", "@", rule]).0, exit::FAILED);
    assert!(edit("deny", &["* -> udp 192.0.2.53 53"]).starts_with("added: deny *"));
    assert!(bench.text().contains("# by hand, 2"), "{}", bench.text());
    let shown = bench.json(&["show", "@", "--json"]);
    assert_eq!((shown.len(), &shown[0]["number"], &shown[0]["host"]), (1, &1.into(), &"192.0.2.53".into()));
}

#[test]
fn unused_rules_are_pruned() {
    let mut events = recorded();
    events.push(flow(40 * DAY, "/usr/bin/git", "example.com", 443));
    let bench = Bench::new(&events);
    bench.learn(&[]);
    let before = bench.text();
    let gone = "allow exe=/usr/bin/curl user=alice -> tcp *.example.org 443\n";
    assert_eq!(bench.done(&["prune", "--unused", "30d", "--dry-run", "--baseline", "@"]), gone);
    assert_eq!(bench.text(), before);
    assert_eq!(bench.done(&["prune", "--unused", "30d", "--baseline", "@"]), gone);
    assert!(!bench.text().contains("curl") && bench.text().contains("git"));
}

#[test]
fn baselines_are_compared_and_merged() {
    let (one, two) = (Bench::new(&recorded()[..1]), Bench::new(&recorded()));
    one.learn(&[]);
    two.learn(&[]);
    let (first, second) = (one.file().display().to_string(), two.file().display().to_string());
    assert_eq!(one.done(&["diff", &first, &second]), "+ allow exe=/usr/bin/curl user=alice -> tcp *.example.org 443\n");
    assert_eq!(one.json(&["diff", &second, "--baseline", "@", "--json"])[0]["change"], "removed");
    let whole = one.directory.path().join("whole").display().to_string();
    assert_eq!(one.done(&["merge", &first, &second, "--output", &whole]), "");
    assert_eq!(one.done(&["diff", &second, &whole]), "");
    assert_eq!(one.done(&["merge", &first, &second]), fs::read_to_string(whole).unwrap());
}

#[test]
fn an_invalid_baseline_is_refused_and_not_changed() {
    let bench = Bench::new(&recorded());
    let wrong = "format 1\npermit everything\n";
    fs::write(bench.file(), wrong).unwrap();
    for arguments in [
        &["check", "@"][..],
        &["show", "@"],
        &["readiness", "--baseline", "@"],
        &["replay", "--baseline", "@", "--log", "LOG"],
        &["learn", "--baseline", "@", "--log", "LOG"],
        &["allow", "--baseline", "@", "* -> * * *"],
        &["merge", "@", "@", "--output", "@"],
        &["prune", "--unused", "1d", "--baseline", "@"],
    ] {
        assert_eq!(bench.run(arguments), (exit::USAGE, String::new()), "{arguments:?}");
        assert_eq!(bench.text(), wrong);
    }
    fs::remove_file(bench.file()).unwrap();
    for arguments in [&["check", "@"][..], &["show", "@"], &["prune", "--unused", "1d", "--baseline", "@"]] {
        assert_eq!(bench.run(arguments).0, exit::FAILED, "{arguments:?}");
    }
    assert!(!bench.file().exists());
}
