use proptest::prelude::*;

use super::*;

fn args(words: &[&str]) -> Vec<Arc<str>> {
    words.iter().map(|word| Arc::from(*word)).collect()
}

fn script(executable: &str, words: &[&str]) -> Script {
    CommandLine { executable, args: &args(words), truncated: false, directory: Some("/srv/app") }.script()
}

#[test]
fn version_and_platform_suffixes_are_recognized() {
    for name in [
        "python",
        "python3",
        "python3.11",
        "python2.7",
        "python3.13t",
        "python3.11-dbg",
        "pypy3.9",
        "perl5.36-x86_64-linux-gnu",
        "perl5.36.0",
        "ruby3.1",
        "node-20",
        "nodejs",
        "php8.2",
        "lua5.4",
        "luajit-2.1.0-beta3",
        "bash5",
        "ksh93",
        "tclsh8.6",
        "python3.11-intel64",
        "java",
        "R",
        "Rscript",
        "julia-1.10",
    ] {
        assert!(grammar_of(name).is_some(), "{name}");
    }
    for name in [
        "pythonic",
        "php-fpm8.2",
        "php-fpm",
        "phpdbg",
        "nodemon",
        "javac",
        "bashful",
        "perldoc",
        "rubygems",
        "shred",
        "Rd",
    ] {
        assert!(grammar_of(name).is_none(), "{name}");
    }
}

#[test]
fn programs_that_are_no_interpreters_have_no_script() {
    assert_eq!(script("/usr/bin/curl", &["curl", "-c", "x"]), Script::Inapplicable);
    assert_eq!(script("/opt/app/pythonic", &["python3", "app.py"]), Script::Inapplicable);
}

#[test]
fn bare_script_is_in_the_working_directory() {
    let python = |path: &str| script("/usr/bin/python3.11", &["python3", path]);
    for (path, absolute) in [
        ("app.py", "/srv/app/app.py"),
        ("./app.py", "/srv/app/app.py"),
        ("../app.py", "/srv/app.py"),
        ("../../../app.py", "/app.py"),
        ("/opt//x/./app.py", "/opt/x/app.py"),
        ("/../opt/app.py", "/opt/app.py"),
        // What a link leads to, and what lies above it, are not in the path.
        ("/tmp/link/../../srv/app.py", "/tmp/link/../../srv/app.py"),
        ("lib/../app.py", "/srv/app/lib/../app.py"),
    ] {
        assert_eq!(python(path), Script::known(absolute), "{path}");
    }
    for path in ["/proc/self/cwd/app.py", "/proc/1/root/app.py", "bad\u{fffd}byte.py", ""] {
        assert_eq!(python(path), Script::Unknown, "{path}");
    }
    assert_eq!(python("/dev/fd/63"), Script::known("-"), "a pipe");
    assert_eq!(python("/proc/self/fd/3"), Script::known("-"));
}

#[test]
fn script_searched_in_path_is_known_only_if_its_file_exists() {
    let path = |executable: &str, words: &[&str]| {
        let args = args(words);
        CommandLine { executable, args: &args, truncated: false, directory: Some("/srv/app") }.fallible_path()
    };
    for words in [&["bash", "app.sh"][..], &["bash", "-e", "app.sh", "x"], &["bash", "--", "app.sh"]] {
        assert_eq!(path("/usr/bin/bash", words).as_deref(), Some("/srv/app/app.sh"), "{words:?}");
    }
    for words in [
        &["bash", "./app.sh"][..],
        &["bash", "/srv/app.sh"],
        &["bash", "-c", "app.sh"],
        &["bash", "-s", "app.sh"],
        &["bash", "--rcfile", "f", "app.sh"],
        &["bash"],
    ] {
        assert_eq!(path("/usr/bin/bash", words), None, "{words:?}");
    }
    assert_eq!(path("/usr/bin/dash", &["dash", "app.sh"]), None);
    assert_eq!(path("/usr/bin/python3", &["python3", "app.py"]), None);
    assert_eq!(path("/bin/busybox", &["sh", "app.sh"]), None);
    let loader = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
    assert_eq!(path(loader, &["ld.so", "/bin/bash", "app.sh"]).as_deref(), Some("/srv/app/app.sh"));
    let run = |is_there: bool| {
        let args = args(&["bash", "app.sh"]).into();
        let (path, directory) = (Some("/usr/bin/bash".into()), Some("/srv/app".into()));
        let executable = crate::Executable { path, args, directory, ..crate::Executable::default() };
        executable.interpreted().doubted(|_| is_there).script
    };
    assert_eq!(run(true), Script::known("/srv/app/app.sh"));
    assert_eq!(run(false), Script::Unknown);
}

#[test]
fn options_that_load_a_file_hide_no_text() {
    let line = args(&["bash", "--rcfile", "f", "-c", "text"]);
    assert_eq!(script("/usr/bin/bash", &["bash", "--rcfile", "f", "-c", "text"]), Script::Unknown);
    assert_eq!(texts(Some("/usr/bin/bash"), &line), [Text { argument: 4, at: 0 }]);
}

#[test]
fn script_with_an_interpreter_option_in_its_first_line() {
    assert_eq!(script("/usr/bin/dash", &["/bin/sh", "-e", "/srv/run"]), Script::known("/srv/run"));
    assert_eq!(script("/usr/bin/perl", &["/usr/bin/perl", "-wT", "./run"]), Script::known("/srv/app/run"));
}

#[test]
fn truncated_arguments_are_unknown() {
    let read = |words: &[&str]| {
        CommandLine { executable: "/usr/bin/python3", args: &args(words), truncated: true, directory: Some("/") }
            .script()
    };
    assert_eq!(read(&["python3", "/srv/app.p"]), Script::Unknown);
    assert_eq!(read(&["python3", "-I"]), Script::Unknown);
    assert_eq!(read(&["python3", "-m", "http.ser"]), Script::Unknown);
    assert_eq!(read(&["python3", "/srv/app.py", "lon"]), Script::known("/srv/app.py"));
    assert_eq!(read(&["python3", "-m", "http.server", "80"]), Script::known("-m http.server"));
    assert_eq!(read(&["python3", "-c", "import so"]), Script::known("-c"));
    assert_eq!(read(&[]), Script::Unknown);
}

#[test]
fn program_behind_loader_and_busybox_is_found() {
    let loader = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
    let run = |words: &[&str]| script(loader, &[&["ld.so"], words].concat());
    assert_eq!(run(&["/usr/bin/curl", "x"]), Script::known("/usr/bin/curl"));
    assert_eq!(run(&["./tool"]), Script::known("/srv/app/tool"));
    assert_eq!(
        run(&["--library-path", "/lib", "/usr/bin/python3", "app.py"]),
        Script::known("/usr/bin/python3 /srv/app/app.py")
    );
    assert_eq!(run(&["/bin/bash", "-c", "text"]), Script::known("/bin/bash -c"));
    assert_eq!(run(&["tool"]), Script::Unknown, "looked for among libraries");
    assert_eq!(run(&["--odd", "/bin/ls"]), Script::Unknown);
    assert_eq!(run(&[loader, "/bin/ls"]), Script::Unknown);
    assert_eq!(script("/bin/busybox", &["wget", "x"]), Script::known("wget"));
    assert_eq!(script("/bin/busybox", &["busybox", "wget", "x"]), Script::known("wget"));
    assert_eq!(script("/bin/busybox", &["-sh"]), Script::known("sh -"));
    assert_eq!(script("/bin/busybox", &["/bin/sh", "run.sh"]), Script::known("sh /srv/app/run.sh"));
    assert_eq!(script("/bin/busybox", &["busybox"]), Script::Unknown);
}

#[test]
fn url_is_a_script_unless_it_has_secrets() {
    let run = |address: &str| script("/usr/bin/deno", &["deno", "run", address]);
    assert_eq!(run("https://deno.land/std@0.1/x.ts"), Script::known("https://deno.land/std@0.1/x.ts"));
    assert_eq!(run("npm:cowsay@1"), Script::known("npm:cowsay@1"));
    assert_eq!(run("file:///srv/x.ts"), Script::known("/srv/x.ts"));
    for address in ["https://user:secret@host/x.ts", "https://host/x.ts?token=secret", "data:text/javascript,secret"] {
        assert_eq!(run(address), Script::Unknown, "{address}");
    }
}

/// Where the first arguments of tclsh end is not known before they are all there.
#[test]
fn truncated_leading_option_is_unknown() {
    let read = |words: &[&str]| {
        CommandLine { executable: "/usr/bin/tclsh8.6", args: &args(words), truncated: true, directory: Some("/") }
            .script()
    };
    assert_eq!(read(&["tclsh", "-encod"]), Script::Unknown);
    assert_eq!(read(&["tclsh", "-encoding", "utf-8"]), Script::Unknown);
    assert_eq!(read(&["tclsh", "-encoding", "utf-8", "/srv/app.t"]), Script::Unknown);
    assert_eq!(read(&["tclsh", "-encoding", "utf-8", "/srv/app.tcl", "x"]), Script::known("/srv/app.tcl"));
    assert_eq!(read(&["tclsh", "-odd", "/srv/app.tcl"]), Script::known("-"));
}

/// Texts are found behind programs that run others, too.
#[test]
fn program_texts_are_found_for_any_interpreter_in_the_arguments() {
    let found = |executable: &str, words: &[&str]| -> Vec<(usize, usize)> {
        texts(Some(executable), &args(words)).into_iter().map(|text| (text.argument, text.at)).collect()
    };
    assert_eq!(found("/usr/bin/sudo", &["sudo", "-u", "x", "bash", "-lc", "text"]), [(5, 0)]);
    assert_eq!(found("/usr/bin/docker", &["docker", "exec", "c", "/bin/sh", "-c", "text", "arg"]), [(5, 0)]);
    assert_eq!(found("/usr/bin/python3", &["python3", "-ctext"]), [(1, 2)]);
    assert_eq!(found("/usr/bin/node", &["node", "--eval=text"]), [(1, 7)]);
    assert_eq!(found("/usr/bin/perl", &["perl", "-e", "one", "-we", "two"]), [(2, 0), (4, 0)]);
    assert_eq!(found("/usr/bin/pwsh", &["pwsh", "-Command", "one", "two"]), [(2, 0), (3, 0)]);
    assert_eq!(found("/usr/bin/perl", &["perl", "-Dt -eCODE", "app.pl"]), [(1, 6)]);
    assert_eq!(found("/usr/bin/perl", &["perl", "-i.bak -eCODE", "app.pl"]), [(1, 9)]);
    assert_eq!(found("/usr/bin/perl", &["perl", "-F, -w -eCODE", "app.pl"]), [(1, 9)]);
    assert_eq!(found("/usr/bin/perl", &["perl", "-0x1e", "app.pl", "-e", "x"]), []);
    assert_eq!(found("/usr/bin/perl", &["perl", "-Mstrict;CODE", "app.pl"]), [(1, 8)]);
    assert_eq!(found("/usr/bin/perl", &["perl", "-dt:Any=x}CODE", "app.pl"]), [(1, 7)]);
    assert_eq!(found("/usr/bin/node", &["node", "--openssl-config", "x", "-e", "CODE"]), [(4, 0)]);
    assert_eq!(found("/usr/bin/node", &["node", "--print=CODE", "app.js"]), [(1, 8)]);
    assert_eq!(found("/usr/bin/bash", &["bash", "+", "-c", "CODE"]), [(3, 0)]);
    assert!(found("/usr/bin/python3", &["python3", "app.py", "-c", "x"]).is_empty());
    assert!(found("/usr/bin/curl", &["curl", "-c", "x"]).is_empty());
}

fn words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        "-{0,2}[a-zA-Z=/.+@:_0-9 -]{0,12}",
        prop::sample::select(vec![
            "-c", "-e", "-m", "-lc", "--eval", "-s", "--", "-", "-o", "run", "eval", "-W", "-jar", "é", "-é", "--é=é",
            "/", "",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(word, 0..8)
}

fn names() -> impl Strategy<Value = &'static str> {
    let all: Vec<&str> = languages::ALL.iter().chain(shells::ALL).map(|(name, _)| *name).collect();
    prop::sample::select([all, vec!["busybox", "ld-linux-x86-64.so.2", "curl"]].concat())
}

proptest! {
    /// Any command line is read, and the answer has no text of a program in it.
    #[test]
    fn every_command_line_is_parsed(name in names(), words in words(), truncated: bool, directory in prop::option::of("(/[a-z.]{0,3}){1,4}")) {
        let args: Vec<Arc<str>> = words.iter().map(|word| Arc::from(word.as_str())).collect();
        let line = CommandLine { executable: name, args: &args, truncated, directory: directory.as_deref() };
        let _ = line.script();
        for text in texts(Some(name), &args) {
            prop_assert!(args[text.argument].get(text.at..).is_some());
        }
    }

    /// A text that stands behind an option is found, and never in the answer.
    #[test]
    fn program_text_is_not_in_the_result(
        (name, option) in prop::sample::select(vec![
            ("python3", "-c"), ("python3", "-Ic"), ("perl", "-e"), ("perl", "-we"), ("ruby", "-e"), ("php", "-r"), ("node", "-e"),
            ("node", "--eval"), ("bash", "-c"), ("bash", "-lc"), ("sh", "-ec"), ("fish", "-c"), ("lua", "-e"), ("julia", "-e"),
            ("Rscript", "-e"), ("pwsh", "-Command"), ("bun", "-e"), ("zsh", "-fc"),
        ]),
        text in "[a-z ;'(]{0,20}hunter2[a-z =.-]{0,20}",
        behind in words(),
    ) {
        let args: Vec<Arc<str>> =
            [name, option, &text].into_iter().map(Arc::from).chain(behind.iter().map(|word| Arc::from(word.as_str()))).collect();
        let script = CommandLine { executable: name, args: &args, truncated: false, directory: Some("/") }.script();
        prop_assert!(matches!(script, Script::Known(_)) && !format!("{script:?}").contains("hunter2"), "{script:?}");
        let found = texts(Some(name), &args).contains(&Text { argument: 2, at: 0 });
        prop_assert!(found);
    }
}
