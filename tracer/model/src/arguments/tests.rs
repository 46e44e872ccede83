use proptest::prelude::*;

use super::*;

fn redact(words: &[&str]) -> Vec<String> {
    redact_with(words, &[])
}

fn redact_with(words: &[&str], keys: &[&str]) -> Vec<String> {
    let arguments = Arguments { keys: keys.iter().map(|key| (*key).to_owned()).collect(), ..Arguments::redacted() };
    let executable = Executable {
        path: words.first().map(|name| format!("/usr/bin/{name}").into()),
        args: words.iter().map(|word| Arc::from(*word)).collect(),
        ..Executable::default()
    };
    arguments.apply(&executable).iter().map(|arg| (**arg).to_owned()).collect()
}

#[test]
fn secrets_are_redacted() {
    for (words, redacted) in [
        (&["curl", "-u", "user:hunter2", "https://x"][..], &["curl", "-u", "user:…", "https://x"][..]),
        (&["curl", "-uuser:hunter2"], &["curl", "-uuser:…"]),
        (&["curl", "--user=user:hunter2"], &["curl", "--user=user:…"]),
        (&["curl", "-sSu", "user:hunter2", "https://x"], &["curl", "-sSu", "user:…", "https://x"]),
        (&["curl", "-sSuuser:hunter2"], &["curl", "-sSuuser:…"]),
        (&["curl", "-kU", "user:hunter2"], &["curl", "-kU", "user:…"]),
        (&["curl", "-x", "user:hunter2@host:8080", "x"], &["curl", "-x", "user:…@host:8080", "x"]),
        (&["curl", "-sxuser:hunter2@host:8080"], &["curl", "-sxuser:…@host:8080"]),
        (&["curl", "--proxy", "user:hunt@er2@host"], &["curl", "--proxy", "user:…@host"]),
        (&["pip", "--proxy=user:hunter2@host"], &["pip", "--proxy=user:…@host"]),
        (&["curl", "--proxy", "host:8080", "x"], &["curl", "--proxy", "host:8080", "x"]),
        (&["curl", "user:hunter2@host/a?b=c@d"], &["curl", "user:…@host/a?b=c@d"]),
        (&["curl", "user:hunter2@host/a?token=b"], &["curl", "user:…@host/a?token=…"]),
        (&["curl", "localhost:8080/a@b"], &["curl", "localhost:8080/a@b"]),
        (&["scp", "user@host:a@b", "c:d@e"], &["scp", "user@host:a@b", "c:d@e"]),
        (&["env", "https_proxy=user:hunter2@host:1", "app"], &["env", "https_proxy=user:…@host:1", "app"]),
        (&["curl", "--cert", "f.pem:hunter2"], &["curl", "--cert", "f.pem:…"]),
        (&["curl", "-E", "f.pem:hunter2"], &["curl", "-E", "f.pem:…"]),
        (&["curl", "-sEf.pem:hunter2"], &["curl", "-sEf.pem:…"]),
        (&["curl", "--cert", "f.pem", "x"], &["curl", "--cert", "f.pem", "x"]),
        (&["curl", "--pass", "hunter2"], &["curl", "--pass", "…"]),
        (&["curl", "-b", "sid=hunter2", "x"], &["curl", "-b", "…", "x"]),
        (&["curl", "-sb", "jar.txt", "x"], &["curl", "-sb", "jar.txt", "x"]),
        (&["curl", "-sSo", "file", "-XPUT", "x"], &["curl", "-sSo", "file", "-XPUT", "x"]),
        (&["curl", "-ofu:u", "x"], &["curl", "-ofu:u", "x"]),
        (&["wget", "--http-password=hunter2"], &["wget", "--http-password=…"]),
        (&["lftp", "-u", "user,hunter2", "host"], &["lftp", "-u", "user,…", "host"]),
        (&["http", "-a", "user:hunter2", "host"], &["http", "-a", "user:…", "host"]),
        (&["smbclient", "-Uuser%hunter2"], &["smbclient", "-Uuser%…"]),
        (&["mysql", "-vphunter2", "db"], &["mysql", "-vp…", "db"]),
        (&["mysql", "-vp", "db"], &["mysql", "-vp", "db"]),
        (&["zip", "-rP", "hunter2", "a"], &["zip", "-rP", "…", "a"]),
        (&["sshpass", "-phunter2", "ssh"], &["sshpass", "-p…", "ssh"]),
        (&["xfreerdp", "/u:me", "/p:hunter2"], &["xfreerdp", "/u:me", "/p:…"]),
        (&["curl", "https://user:hunter2@host/a"], &["curl", "https://user:…@host/a"]),
        (&["curl", "https://user:hunt/er2@host/a"], &["curl", "https://user:…@host/a"]),
        (&["git", "clone", "https://hunter2@host/a"], &["git", "clone", "https://…@host/a"]),
        (&["git", "clone", "ssh://git@host/a"], &["git", "clone", "ssh://git@host/a"]),
        (&["curl", "https://host/a?token=hunter2&b=c"], &["curl", "https://host/a?token=…&b=c"]),
        (&["curl", "-H", "Authorization: Bearer hunter2"], &["curl", "-H", "Authorization: …"]),
        (&["curl", "-HX-Api-Key: hunter2"], &["curl", "-HX-Api-Key: …"]),
        (&["curl", "-d", "{\"password\": \"hunter2\", \"a\": 1}"], &["curl", "-d", "{\"password\": \"…\", \"a\": 1}"]),
        (&["app", "--password", "hunter2", "x"], &["app", "--password", "…", "x"]),
        (&["app", "--password=hunter2 and more"], &["app", "--password=…"]),
        (&["app", "-password", "hunter2"], &["app", "-password", "…"]),
        (&["app", "--db.secretKey=hunter2"], &["app", "--db.secretKey=…"]),
        (&["env", "PGPASSWORD=hunter2", "psql"], &["env", "PGPASSWORD=…", "psql"]),
        (&["mysql", "-phunter2", "db"], &["mysql", "-p…", "db"]),
        (&["mysql", "-p", "db"], &["mysql", "-p", "db"]),
        (&["sshpass", "-p", "hunter2", "ssh", "host"], &["sshpass", "-p", "…", "ssh", "host"]),
        (&["redis-cli", "-a", "hunter2"], &["redis-cli", "-a", "…"]),
        (&["docker", "login", "-p", "hunter2"], &["docker", "login", "-p", "…"]),
        (&["aws", "AKIAIOSFODNN7EXAMPLE"], &["aws", "…"]),
        (&["app", "eyJhbGciOi.eyJzdWIiOiIx.SflKxwRJSM"], &["app", "…"]),
        (&["bash", "-lc", "curl hunter2"], &["bash", "-lc", "…"]),
        (&["sudo", "bash", "-c", "curl hunter2"], &["sudo", "bash", "-c", "…"]),
        (&["python3", "-chunter2", "x"], &["python3", "-c…", "x"]),
        (&["node", "--eval=hunter2"], &["node", "--eval=…"]),
        (&["perl", "-Dt -ehunter2", "x"], &["perl", "-Dt -e…", "x"]),
        (&["perl", "-i.bak -ehunter2", "x"], &["perl", "-i.bak -e…", "x"]),
        (&["perl", "-F, -eBEGIN{hunter2}", "x"], &["perl", "-F, -e…", "x"]),
        (&["perl", "-Mstrict;hunter2", "x"], &["perl", "-Mstrict…", "x"]),
        (&["docker", "run", "-p", "80:80", "image"], &["docker", "run", "-p", "80:80", "image"]),
        (&["app", "--no-password", "x"], &["app", "--no-password", "x"]),
        (&["tar", "-xf", "author.tar"], &["tar", "-xf", "author.tar"]),
    ] {
        assert_eq!(redact(words), redacted, "{words:?}");
    }
}

#[test]
fn configured_keys_are_redacted() {
    assert_eq!(
        redact_with(&["app", "--badge", "hunter2", "Badge-No=7"], &["BADGE"]),
        ["app", "--badge", "…", "Badge-No=…"]
    );
}

#[test]
fn full_and_none_forms_are_applied() {
    let executable = Executable { args: ["a", "--password=b"].map(Arc::from).into(), ..Executable::default() };
    assert_eq!(Arguments::default().apply(&executable), executable.args);
    assert!(Arguments { form: ArgumentsForm::None, ..Arguments::default() }.apply(&executable).is_empty());
}

proptest! {
    /// What is redacted stays as it is, and no argument comes or goes.
    #[test]
    fn redacting_again_changes_nothing(words in prop::collection::vec(prop_oneof![
        "[a-z=:@/ &;'\"{}-]{0,20}",
        prop::sample::select(vec!["bash", "-c", "-lc", "-u", "--password", "--token=", "curl", "mysql", "-px", "-sSu", "a:b@c", "https://a:b@c", "Bearer ", "key:"]).prop_map(str::to_owned),
        any::<String>(),
    ], 0..7)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let once = redact(&words);
        prop_assert_eq!(once.len(), words.len());
        let again: Vec<&str> = once.iter().map(String::as_str).collect();
        prop_assert_eq!(redact(&again), once.clone());
    }

    #[test]
    fn planted_secrets_are_redacted(
        form in prop::sample::select(vec![
            "curl|-u|user:$", "curl|-uuser:$", "curl|-sSu|user:$", "curl|-x|user:$@host:1", "curl|-sxuser:$@host", "curl|--cert|a.pem:$", "curl|--user|user:$", "wget|--password=$", "wget|--password|$", "curl|https://user:$@host/",
            "curl|https://host/?access_token=$&x=1", "curl|-H|Authorization: Basic $", "curl|-H|X-Auth-Token: $", "curl|-H|Cookie: $",
            "env|AWS_SECRET_ACCESS_KEY=$|app", "mysql|-p$", "sshpass|-p$", "bash|-lc|echo $", "python3|-Ic|x = '$'", "perl|-we|$",
            "node|-p|$", "app|--api-key|$", "app|--apiKey=$", "app|-Dspring.datasource.password=$", "app|{\"secret\":\"$\"}",
            "app|postgres://user:$@db/x", "sudo|-u|root|sh|-c|$", "ruby|-e|$", "php|-r|$", "app|--client-secret|$",
        ]),
        secret in "[A-Za-z0-9!%+.,_]{4,20}",
    ) {
        let secret = format!("Zq{secret}");
        let words: Vec<String> = form.split('|').map(|word| word.replace('$', &secret)).collect();
        let redacted = redact(&words.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert!(!redacted.concat().contains(&secret), "{redacted:?}");
    }
}
