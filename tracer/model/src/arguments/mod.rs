//! Arguments of programs as others may see them: they hold passwords, tokens, and whole programs.

mod text;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Executable;
use crate::script::texts;

/// What stands in place of what was left out.
pub(crate) const MARK: &str = "…";

/// How much of arguments an output has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentsForm {
    /// All.
    #[default]
    Full,
    /// Secrets and the texts of inline programs are left out.
    Redacted,
    /// None.
    None,
}

/// The arguments that an output has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// How much of them.
    pub form: ArgumentsForm,
    /// Parts of names whose values are secrets, besides those that are always looked for; upper or lower case.
    pub keys: Arc<[String]>,
}

/// Programs with an option whose value is a password. Where a program is not named, `-u` and `--user` have `USER:PASSWORD`.
const PASSWORDS: [(&str, &str); 34] = [
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
];

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

    /// The arguments of an executable, as the output may have them.
    #[must_use]
    pub fn of(&self, executable: &Executable) -> Arc<[Arc<str>]> {
        match self.form {
            ArgumentsForm::Full => Arc::clone(&executable.args),
            ArgumentsForm::None => Arc::default(),
            ArgumentsForm::Redacted => self.redact(executable.path.as_deref(), &executable.args),
        }
    }

    fn redact(&self, executable: Option<&str>, args: &Arc<[Arc<str>]>) -> Arc<[Arc<str>]> {
        let mut redacted: Vec<Option<String>> = vec![None; args.len()];
        let mut replace = |index: usize, text: Option<String>| {
            if let (Some(place @ None), Some(text)) = (redacted.get_mut(index), text) {
                *place = Some(text);
            }
        };
        for text in texts(executable, args) {
            let arg = args.get(text.argument).map_or("", |arg| arg);
            replace(text.argument, arg.get(..text.at).map(|option| format!("{option}{MARK}")));
        }
        for (index, arg) in args.iter().enumerate() {
            let next = args.get(index + 1).map(|next| &**next);
            match self.value(args, index, arg) {
                Value::Attached(at) => replace(index, arg.get(..at).map(|option| format!("{option}{MARK}"))),
                Value::Next => replace(index + 1, next.map(|_| MARK.to_owned())),
                Value::Account => replace(index + 1, next.and_then(text::account)),
                Value::AttachedAccount(at) => {
                    let account = arg.get(at..).and_then(text::account);
                    replace(index, account.map(|account| format!("{}{account}", arg.get(..at).unwrap_or_default())));
                }
                Value::None => {}
            }
            replace(index, text::redact(arg, &self.keys));
        }
        if redacted.iter().all(Option::is_none) {
            return Arc::clone(args);
        }
        let both = redacted.into_iter().zip(args.iter());
        both.map(|(redacted, arg)| redacted.map_or_else(|| Arc::clone(arg), Arc::from)).collect()
    }

    /// Where the secret value of an option is.
    fn value(&self, args: &[Arc<str>], index: usize, arg: &str) -> Value {
        if index == 0 || !arg.starts_with(['-', '/']) {
            return Value::None;
        }
        let runs = |program: &str| args.iter().take(index).any(|name| is_program(name, program));
        for (program, option) in PASSWORDS.iter().filter(|(_, option)| arg.starts_with(option)) {
            if runs(program) {
                let is_whole = arg.len() == option.len();
                let asks = is_whole && ATTACHED_ONLY.contains(program);
                return if asks {
                    Value::None
                } else if is_whole {
                    Value::Next
                } else {
                    Value::Attached(option.len())
                };
            }
        }
        match arg.split_once('=') {
            Some(("--user" | "--proxy-user", _)) => {
                return Value::AttachedAccount(arg.find('=').map_or(0, |at| at + 1));
            }
            Some(_) => return Value::None,
            None => {}
        }
        if matches!(arg, "-u" | "-U" | "--user" | "--proxy-user") {
            return Value::Account;
        }
        if (arg.starts_with("-u") || arg.starts_with("-U")) && runs("curl") {
            return Value::AttachedAccount(2);
        }
        let is_option = arg.starts_with('-') && is_name(arg) && !arg.starts_with("--no-") && !arg.ends_with("-stdin");
        let is_value = args.get(index + 1).is_some_and(|next| !next.starts_with('-'));
        if is_option && is_value && text::is_secret(arg, &self.keys) { Value::Next } else { Value::None }
    }
}

/// Where the value of an option is that holds a secret.
enum Value {
    None,
    /// In the same argument, from a byte on.
    Attached(usize),
    /// The next argument.
    Next,
    /// The next argument, as `USER:PASSWORD`.
    Account,
    /// The same, attached.
    AttachedAccount(usize),
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
