//! A path alone does not identify a file: a rule about a path of the host matches the host's file, and no other file
//! that is mounted at that path.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use egret_tests::{Cgroup, copy_program};
use libtest_mimic::Trial;

use crate::host::{Fate, Host, fate, until_counted};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("identity::different_file_at_the_path_of_a_rule_is_rejected", disguised),
        test("identity::file_of_a_rule_passes_however_it_is_executed", undisguised),
        test("identity::different_script_at_the_path_of_a_rule_is_rejected", scripts),
        test("identity::units_and_containers_named_by_a_user_match_only_rules_about_that_user", named_by_a_user),
        test("identity::pattern_matches_the_next_revision_and_no_other_program", revisions),
    ]
}

/// A host that enforces a rule about one program, and another program without a rule.
struct Scene {
    host: Host,
    allowed: PathBuf,
    unknown: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let host = Host::new();
        let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
        Self { host, allowed, unknown }
    }

    /// Runs a shell script with the two programs and an empty directory in its environment; `$FETCH` are the
    /// arguments of curl.
    fn attempt(&self, words: &[&str], script: &str) -> Fate {
        let mut command = self.command(words);
        fate(command.args(["sh", "-ec", script]))
    }

    fn command(&self, words: &[&str]) -> Command {
        let empty = self.host.path("empty");
        fs::create_dir_all(&empty).unwrap();
        let words = if words.is_empty() { &["env"][..] } else { words };
        let mut command = self.host.namespace.command(words[0]);
        let fetch =
            format!("--silent --noproxy * --connect-timeout 2 --max-time 20 http://127.0.0.1:{}/", self.host.port());
        command.env("ALLOWED", &self.allowed).env("UNKNOWN", &self.unknown).env("EMPTY", &empty).env("FETCH", fetch);
        command.args(&words[1..]);
        command
    }
}

/// Namespaces that every user can create.
const UNSHARED: &[&str] = &["unshare", "--user", "--map-root-user", "--mount"];

/// Executes `$FILE` by its descriptor, or a copy in memory named `$NAME` if that is set.
const BY_DESCRIPTOR: &str = "import os
source = open(os.environ['FILE'], 'rb')
number = source.fileno()
if name := os.environ.get('NAME'):
    number = os.memfd_create(name, 0)
    os.write(number, source.read())
os.set_inheritable(number, True)
fetch = os.environ['FETCH'].split()
os.execve(f'/proc/self/fd/{number}', ['curl', *fetch], os.environ)
";

fn disguised() {
    let scene = Scene::new();
    let daemon = scene.host.enforcing(&[scene.host.rule("allow", &scene.allowed)]);
    assert_eq!([scene.host.fetch(&scene.allowed), scene.host.fetch(&scene.unknown)], [Fate::Passed, Fate::Refused]);
    for (way, words, script) in [
        ("bind mount", UNSHARED, "mount --bind $UNKNOWN $ALLOWED; set -f; exec $ALLOWED $FETCH"),
        (
            "file system of its own",
            UNSHARED,
            "exec 9<$UNKNOWN; D=$(dirname $ALLOWED); N=$(basename $ALLOWED); \
             mount -t tmpfs none $D; cp /proc/self/fd/9 $D/$N; chmod +x $D/$N; set -f; exec $ALLOWED $FETCH",
        ),
        (
            "overlay",
            UNSHARED,
            "D=$(dirname $ALLOWED); mount -t tmpfs none $EMPTY; mkdir $EMPTY/u $EMPTY/w; \
             cp $UNKNOWN $EMPTY/u/$(basename $ALLOWED); mount -t overlay -o lowerdir=$D,upperdir=$EMPTY/u,workdir=$EMPTY/w none $D; \
             set -f; exec $ALLOWED $FETCH",
        ),
        (
            "another root",
            UNSHARED,
            "mount --rbind / $EMPTY; mount --bind $UNKNOWN $EMPTY$ALLOWED; set -f; exec chroot $EMPTY $ALLOWED $FETCH",
        ),
        (
            "pivot_root",
            UNSHARED,
            "mount --rbind / $EMPTY; mount --bind $UNKNOWN $EMPTY$ALLOWED; cd $EMPTY; pivot_root . mnt; \
             set -f; exec $ALLOWED $FETCH",
        ),
        ("file in memory", &[], "NAME=$(basename $ALLOWED) FILE=$UNKNOWN exec python3 -c \"$RUN\""),
        ("file in memory with the whole path", &[], "NAME=$ALLOWED FILE=$UNKNOWN exec python3 -c \"$RUN\""),
        (
            "file of a namespace of its own, from outside",
            &[],
            "unshare --user --map-root-user --mount sh -ec 'mount --bind $UNKNOWN $ALLOWED; echo >$EMPTY/ready; exec sleep 60' & \
             trap \"kill $!\" EXIT; until [ -e $EMPTY/ready ]; do :; done; set -f; /proc/$!/root$ALLOWED $FETCH",
        ),
    ] {
        let mut command = scene.command(words);
        let fate = fate(command.env("RUN", BY_DESCRIPTOR).args(["sh", "-ec", script]));
        assert_eq!(fate, Fate::Refused, "{way}");
    }
    assert_eq!(scene.host.fetch(&scene.allowed), Fate::Passed);
    assert!(daemon.stop().status.success());
}

fn undisguised() {
    let scene = Scene::new();
    let daemon = scene.host.enforcing(&[scene.host.rule("allow", &scene.allowed)]);
    for (way, words, script) in [
        ("as it is", &[][..], "set -f; exec $ALLOWED $FETCH"),
        ("in a mount namespace of its own", UNSHARED, "set -f; exec $ALLOWED $FETCH"),
        ("by a link", &[], "ln -sf $ALLOWED $EMPTY/link; set -f; exec $EMPTY/link $FETCH"),
        ("by its descriptor", &[], "FILE=$ALLOWED exec python3 -c \"$RUN\""),
        // As a package manager does; the running process executed the former file at that path.
        ("replaced meanwhile", &[], "cp $ALLOWED $ALLOWED.new; export FILE=$ALLOWED; exec python3 -c \"$REPLACE$RUN\""),
        ("once it was replaced", &[], "set -f; exec $ALLOWED $FETCH"),
    ] {
        let replace = "import os\nkept = open(os.environ['FILE'], 'rb')\nos.rename(os.environ['FILE'] + '.new', os.environ['FILE'])\nos.environ['FILE'] = f'/proc/self/fd/{kept.fileno()}'\n";
        let mut command = scene.command(words);
        command.env("RUN", BY_DESCRIPTOR).env("REPLACE", replace).args(["sh", "-ec", script]);
        assert_eq!(fate(&mut command), Fate::Passed, "{way}");
    }
    let state = until_counted(&daemon, "allow", 6);
    assert_eq!(crate::host::count(&state, "block"), 0, "{state}");
    assert!(daemon.stop().status.success());
}

/// A script of the interpreter.
fn script(host: &Host, name: &str) -> PathBuf {
    let path = host.path(name);
    let text = format!(
        "import socket, sys\ntry:\n    socket.create_connection(('127.0.0.1', {}), 5)\nexcept ConnectionRefusedError:\n    sys.exit(7)\n",
        host.port()
    );
    fs::write(&path, text).unwrap();
    path
}

/// Runs the script by its name in the working directory, which the child shares as `$FLAGS` say.
const BY_NAME: &str = "import ctypes, os, signal, sys
clone = {'x86_64': 56, 'aarch64': 220}[os.uname().machine]
child = ctypes.CDLL(None).syscall(clone, int(os.environ['FLAGS'], 16) | signal.SIGCHLD, 0, 0, 0, 0)
if child == 0:
    os.execv(os.environ['PYTHON'], ['python3', os.path.basename(os.environ['KNOWN'])])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

fn scripts() {
    let scene = Scene::new();
    let [known, other] = ["known.py", "other.py"].map(|name| script(&scene.host, name));
    let python = Path::new("/usr/bin/python3").canonicalize().unwrap();
    let rule =
        format!("allow exe={} script={} -> tcp 127.0.0.1 {}", python.display(), known.display(), scene.host.port());
    let daemon = scene.host.enforcing(&[rule]);
    let run = |words: &[&str], script: &str| {
        let mut command = scene.command(words);
        command.env("PYTHON", &python).env("KNOWN", &known).env("OTHER", &other).env("BY_NAME", BY_NAME);
        fate(command.args(["sh", "-ec", script]))
    };
    assert_eq!(run(&[], "exec $PYTHON $KNOWN"), Fate::Passed);
    assert_eq!(run(&[], "exec $PYTHON $OTHER"), Fate::Refused);
    assert_eq!(run(UNSHARED, "mount --bind $OTHER $KNOWN; exec $PYTHON $KNOWN"), Fate::Refused);
    let by_name = |flags: &str| format!("cd $(dirname $KNOWN); FLAGS={flags} exec $PYTHON -c \"$BY_NAME\"");
    assert_eq!(run(&[], &by_name("0")), Fate::Passed);
    assert_eq!(
        run(&[], &by_name("200")),
        Fate::Refused,
        "who shares the directory (CLONE_FS) can change it at any time"
    );
    let root = "mount --rbind / $EMPTY; mount --bind $OTHER $EMPTY$KNOWN; exec chroot $EMPTY $PYTHON $KNOWN";
    assert_eq!(run(UNSHARED, root), Fate::Refused);
    assert!(daemon.stop().status.success());
}

/// A user that owns a part of the cgroup hierarchy.
const USER: u32 = 4242;

fn named_by_a_user() {
    let host = Host::new();
    let [plain, with_user] = ["plain", "with-user"].map(|name| host.program(name));
    let id = "4c01db0b339c".repeat(6);
    let scope = format!("docker-{}.scope", &id[..64]);
    let places = [("unit=nginx.service", "nginx.service"), ("container=web", "lxc.payload.web")];
    let places = places.map(|(asked, place)| (asked.to_owned(), place.to_owned()));
    let places: Vec<_> = places.into_iter().chain([(format!("container={}", &id[..64]), scope)]).collect();
    let rule = |asked: &str, program: &Path| {
        format!("allow exe={} file=* {asked} -> tcp 127.0.0.1 {}", program.display(), host.port())
    };
    let rules =
        places.iter().flat_map(|(asked, _)| [rule(asked, &plain), rule(&format!("{asked} user={USER}"), &with_user)]);
    let daemon = host.enforcing(&rules.collect::<Vec<_>>());
    let run = |group: &Cgroup, program: &Path| {
        let user = format!("exec setpriv --reuid={USER} --clear-groups \"$@\"");
        let enter = format!("echo $$ > {}/cgroup.procs && {user}", group.directory().display());
        fate(&mut host.fetching(&["sh", "-c", &enter, "sh", program.to_str().unwrap()], "127.0.0.1"))
    };
    let top = |kind: &str| format!("egret-{kind}-{}.slice", std::process::id());
    for (above, owner, expected) in [
        (top("root"), 0, [Fate::Passed, Fate::Passed]),
        (top("handed"), USER, [Fate::Refused, Fate::Passed]),
        (format!("{}/user@{USER}.service", top("manager")), 0, [Fate::Refused, Fate::Passed]),
    ] {
        for (asked, place) in &places {
            let group = Cgroup::new(&format!("{above}/{place}"));
            chown(group.directory().parent().unwrap(), Some(owner), None).unwrap();
            let fates = [&plain, &with_user].map(|program| run(&group, program));
            assert_eq!(fates, expected, "{asked} in {above}");
            group.remove();
        }
    }
    assert!(daemon.stop().status.success());
}

fn revisions() {
    let scene = Scene::new();
    let place = |name: &str| {
        let path = scene.host.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        copy_program(&scene.unknown, &path);
        path
    };
    let [next, other] = ["app/13/x", "app/13/y"].map(place);
    let pattern = scene.host.path("app/*/x");
    let daemon = scene.host.enforcing(&[scene.host.rule("allow", &pattern)]);
    assert_eq!([scene.host.fetch(&next), scene.host.fetch(&other)], [Fate::Passed, Fate::Refused]);
    assert_eq!(scene.attempt(UNSHARED, "set -f; exec $UNKNOWN $FETCH"), Fate::Refused);
    assert!(daemon.stop().status.success());
}
