//! Redaction of program arguments, which contain passwords, tokens and texts of programs.

mod text;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Executable;
use crate::script::texts;

/// Replaces redacted text.
pub(crate) const MARK: &str = "…";

/// The form of arguments in an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentsForm {
    #[default]
    Full,
    /// Without secrets and texts of inline programs.
    Redacted,
    None,
}

/// How arguments are written to an output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    pub form: ArgumentsForm,
    /// Further parts of names whose values are secrets, in upper or lower case.
    pub keys: Arc<[String]>,
}

/// Programs with an option whose value is a password. Where a program is not named, `-u` and `--user` have `USER:PASSWORD`.
const PASSWORDS: [(&str, &str); 41] = [
    ("sshpass", "-p"),
    ("mysql*", "-p"),
    ("mariadb*", "-p"),
    ("mongo*", "-p"),
    ("redis-cli", "-a"),
    ("ldap*", "-w"),
    ("sqlcmd", "-P"),
    ("bcp", "-P"),
    ("tsql", "-P"),
    ("isql", "-P"),
    ("zip", "-P"),
    ("unzip", "-P"),
    ("7z*", "-p"),
    ("rar", "-p"),
    ("rar", "-hp"),
    ("unrar", "-p"),
    ("mosquitto_*", "-P"),
    ("rabbitmqadmin", "-p"),
    ("cqlsh", "-p"),
    ("openssl", "-passin"),
    ("openssl", "-passout"),
    ("openssl", "-pass"),
    ("openssl", "-k"),
    ("openssl", "-K"),
    ("login", "-p"),
    ("docker-login", "-p"),
    ("impacket-*", "-hashes"),
    ("evil-winrm", "-p"),
    ("vncviewer", "-passwd"),
    ("rdesktop", "-p"),
    ("ipmitool", "-P"),
    ("snmp*", "-A"),
    ("snmp*", "-X"),
    ("snmp*", "-c"),
    ("ssh-keygen", "-N"),
    ("ssh-keygen", "-P"),
    ("ncftp*", "-p"),
    ("xfreerdp*", "/p:"),
    ("xfreerdp*", "/gp:"),
    ("wlfreerdp*", "/p:"),
    ("wlfreerdp*", "/gp:"),
];

/// Programs with an option whose value is `USER:PASSWORD` or `USER%PASSWORD`, in the next argument or the same.
const ACCOUNTS: [(&str, &str); 9] = [
    ("http", "-a"),
    ("https", "-a"),
    ("xh", "-a"),
    ("xhs", "-a"),
    ("ab", "-A"),
    ("ab", "-P"),
    ("smbclient", "-U"),
    ("rpcclient", "-U"),
    ("proxytunnel", "-P"),
];

/// Short options of a program that have no value, so that the one of a password may follow in the same argument.
const FLAGS: [(&str, &str); 5] = [
    ("sshpass", "v"),
    ("mysql*", "ABCEfGHinNqrstvwX"),
    ("mariadb*", "ABCEfGHinNqrstvwX"),
    ("zip", "0123456789jmoqrTuvXyD"),
    ("unzip", "aCjKLnoqv"),
];

/// Short options of curl that have a value: what follows in the same argument is that.
const CURL_VALUES: &str = "AbcCdDeEFhHKmoPQrtTuUwxXyYz";

/// Of these `-p` alone asks for the password, so that what follows is no value.
const ATTACHED_ONLY: [&str; 4] = ["mysql*", "mariadb*", "7z*", "rar"];

impl From<ArgumentsForm> for Arguments {
    fn from(form: ArgumentsForm) -> Self {
        Self { form, keys: Arc::default() }
    }
}

impl Arguments {
    /// Arguments without secrets.
    #[must_use]
    pub fn redacted() -> Self {
        ArgumentsForm::Redacted.into()
    }

    /// The arguments of an executable in this form.
    #[must_use]
    pub fn apply(&self, executable: &Executable) -> Arc<[Arc<str>]> {
        match self.form {
            ArgumentsForm::Full => Arc::clone(&executable.args),
            ArgumentsForm::None => Arc::default(),
            ArgumentsForm::Redacted => self.redact(executable.path.as_deref(), &executable.args),
        }
    }

    fn redact(&self, executable: Option<&str>, args: &Arc<[Arc<str>]>) -> Arc<[Arc<str>]> {
        let mut redacted: Vec<Option<String>> = vec![None; args.len()];
        let mut replace = |index: usize, text: Option<String>| {
            if let (Some(slot @ None), Some(text)) = (redacted.get_mut(index), text) {
                *slot = Some(text);
            }
        };
        for text in texts(executable, args) {
            let arg = args.get(text.argument).map_or("", |arg| arg);
            replace(text.argument, arg.get(..text.at).map(|option| format!("{option}{MARK}")));
        }
        for (index, arg) in args.iter().enumerate() {
            match self.value(args, index, arg) {
                Some((Position::At(at), secret)) => {
                    let (option, value) = arg.split_at_checked(at).unwrap_or((arg, ""));
                    replace(index, secret.redact(value, &self.keys).map(|value| format!("{option}{value}")));
                }
                Some((Position::Next, secret)) => {
                    let next = args.get(index + 1);
                    replace(index + 1, next.and_then(|next| secret.redact(next, &self.keys)));
                }
                None => {}
            }
            replace(index, text::redact(arg, &self.keys));
        }
        if redacted.iter().all(Option::is_none) {
            return Arc::clone(args);
        }
        let both = redacted.into_iter().zip(args.iter());
        both.map(|(redacted, arg)| redacted.map_or_else(|| Arc::clone(arg), Arc::from)).collect()
    }

    /// Where the secret value of an option is, and what of it is secret.
    fn value(&self, args: &[Arc<str>], index: usize, arg: &str) -> Option<(Position, Secret)> {
        let runs = |program: &str| args.iter().take(index).any(|name| is_program(name, program));
        if index == 0 {
            return None;
        }
        if !arg.starts_with(['-', '/']) {
            // Addresses need no scheme there.
            return (runs("curl") || runs("wget")).then_some((Position::At(0), Secret::OfAddress));
        }
        for (program, option) in PASSWORDS {
            if let Some(at) = end_of(program, option, arg).filter(|_| runs(program)) {
                let asks = at == arg.len() && ATTACHED_ONLY.contains(&program);
                return (!asks).then_some((Position::after(arg, at), Secret::Whole));
            }
        }
        let account = ACCOUNTS.iter().find(|(program, option)| arg.starts_with(option) && runs(program));
        if let Some((_, option)) = account {
            return Some((Position::after(arg, option.len()), Secret::OfAccount));
        }
        if arg.starts_with("-u") && runs("lftp") {
            return Some((Position::after(arg, 2), Secret::AfterComma));
        }
        if let Some(found) = of_curl(arg).filter(|_| runs("curl")) {
            return Some(found);
        }
        let (name, position) = match arg.find('=') {
            Some(at) => (arg.get(..at).unwrap_or_default(), Position::At(at + 1)),
            None => (arg, Position::Next),
        };
        match (name, position) {
            ("-u" | "-U", Position::Next) | ("--user" | "--proxy-user", _) => Some((position, Secret::OfAccount)),
            ("--cert" | "--proxy-cert", _) if runs("curl") => Some((position, Secret::OfAccount)),
            ("--proxy" | "--preproxy" | "--socks4" | "--socks4a" | "--socks5" | "--socks5-hostname", _) => {
                Some((position, Secret::OfAddress))
            }
            (_, Position::At(_)) => None,
            (_, Position::Next) => self.is_secret(arg, args.get(index + 1)).then_some((position, Secret::Whole)),
        }
    }

    /// Whether an option by its name has a secret, which is the next argument.
    fn is_secret(&self, arg: &str, next: Option<&Arc<str>>) -> bool {
        let is_option = arg.starts_with('-') && is_name(arg) && !arg.starts_with("--no-") && !arg.ends_with("-stdin");
        let is_value = next.is_some_and(|next| !next.starts_with('-'));
        is_option && is_value && text::is_secret(arg, &self.keys)
    }
}

/// The position of an option's value.
#[derive(Clone, Copy)]
enum Position {
    /// In the same argument, from a byte on.
    At(usize),
    Next,
}

impl Position {
    /// The position for an option that ends at a byte of its argument.
    const fn after(arg: &str, end: usize) -> Self {
        if end == arg.len() { Self::Next } else { Self::At(end) }
    }
}

/// What of the value of an option is secret.
#[derive(Clone, Copy)]
enum Secret {
    Whole,
    /// What follows `USER:`, or the file of a certificate.
    OfAccount,
    /// What follows `USER,`.
    AfterComma,
    /// The password of `USER:PASSWORD@HOST`.
    OfAddress,
    /// Cookies; a value without a `=` is the name of a file.
    OfCookies,
}

impl Secret {
    /// A value without it; `None` if there is none.
    fn redact(self, value: &str, keys: &[String]) -> Option<String> {
        match self {
            Self::Whole => Some(MARK.to_owned()),
            Self::OfAccount => text::account(value, &[':', '%']),
            Self::AfterComma => text::account(value, &[',']),
            Self::OfAddress => text::address(value).map(|text| text::redact(&text, keys).unwrap_or(text)),
            Self::OfCookies => value.contains('=').then(|| MARK.to_owned()),
        }
    }
}

/// Where an option ends in an argument that it begins, or ends after options without values.
fn end_of(program: &str, option: &str, arg: &str) -> Option<usize> {
    if arg.starts_with(option) {
        return Some(option.len());
    }
    let (_, flags) = FLAGS.iter().find(|(known, _)| *known == program)?;
    let rest = arg.strip_prefix('-')?.trim_start_matches(|c: char| flags.contains(c));
    let rest = rest.strip_prefix(option.strip_prefix('-')?)?;
    Some(arg.len() - rest.len())
}

/// The value of the short options of curl in an argument, where that holds a secret.
fn of_curl(arg: &str) -> Option<(Position, Secret)> {
    let options = arg.strip_prefix('-').filter(|options| !options.starts_with('-'))?;
    let (at, option) = options.char_indices().find(|(_, c)| CURL_VALUES.contains(*c))?;
    let secret = match option {
        'u' | 'U' | 'E' => Secret::OfAccount,
        'x' => Secret::OfAddress,
        'b' => Secret::OfCookies,
        _ => return None,
    };
    Some((Position::after(arg, at + 2), secret))
}

fn is_program(path: &str, program: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    program.strip_suffix('*').map_or(name == program, |beginning| name.starts_with(beginning) && is_name(name))
}

/// Names of programs and options have no other characters.
fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests;
