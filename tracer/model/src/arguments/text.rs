//! Secrets within one argument.

use super::MARK;

/// Parts of names whose values are secrets, in lower case and without separators.
const PARTS: [&str; 18] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authkey",
    "credential",
    "authorization",
    "cookie",
    "bearer",
    "signature",
    "connectionstring",
    "sessionid",
    "jwt",
];
/// Whole words of names whose values are secrets.
const WORDS: [&str; 10] = ["pass", "pwd", "pw", "auth", "key", "sig", "sas", "pin", "otp", "session"];
/// What tokens of well-known issuers begin with.
const TOKENS: [&str; 18] = [
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "sk-",
    "sk_live_",
    "AIza",
    "eyJ",
    "npm_",
];
/// Shorter words are no tokens.
const SHORTEST_TOKEN: usize = 16;

/// Whether a name is that of a secret.
pub(super) fn is_secret(name: &str, keys: &[String]) -> bool {
    let joined: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let is_word = |word: &str| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known));
    PARTS.iter().any(|part| joined.contains(part))
        || keys.iter().any(|key| !key.is_empty() && name.to_lowercase().contains(&key.to_lowercase()))
        || name.split(|c: char| !c.is_alphanumeric()).any(is_word)
}

/// `USER:PASSWORD` without the password, with what may stand between them.
pub(super) fn account(value: &str, separators: &[char]) -> Option<String> {
    let at = value.find(separators)? + 1;
    (at < value.len()).then(|| format!("{}{MARK}", value.get(..at).unwrap_or_default()))
}

/// `USER:PASSWORD@HOST` without the password. An address with a scheme is found without its option.
pub(super) fn address(value: &str) -> Option<String> {
    let (from, to) = password(value)?;
    Some(format!("{}{MARK}{}", value.get(..from)?, value.get(to..)?))
}

/// Where the password of an address without a scheme is.
fn password(value: &str) -> Option<(usize, usize)> {
    let end = value.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\''));
    let authority = value.get(..end.unwrap_or(value.len()))?;
    let to = authority.rfind('@')?;
    let from = authority.get(..to)?.find(':')? + 1;
    (from < to).then_some((from, to))
}

/// An argument without its secrets; `None` if it has none.
pub(super) fn redact(arg: &str, keys: &[String]) -> Option<String> {
    let mut ranges = Vec::new();
    named(arg, keys, &mut ranges);
    accounts(arg, &mut ranges);
    proxies(arg, &mut ranges);
    tokens(arg, &mut ranges);
    ranges.retain(|(from, to)| from < to);
    if ranges.is_empty() {
        return None;
    }
    ranges.sort_unstable();
    let mut text = String::with_capacity(arg.len());
    let mut at = 0;
    for (from, to) in ranges {
        if from > at || text.is_empty() {
            text.push_str(arg.get(at..from).unwrap_or_default());
            text.push_str(MARK);
        }
        at = at.max(to);
    }
    text.push_str(arg.get(at..).unwrap_or_default());
    Some(text)
}

/// Values of names: `password=V`, `"token": "V"`, `Authorization: V`.
fn named(arg: &str, keys: &[String], ranges: &mut Vec<(usize, usize)>) {
    for (at, separator) in arg.match_indices(['=', ':']) {
        let before = arg.get(..at).unwrap_or_default().trim_end_matches(['"', '\'', '\\', ' ', '[', ']']);
        let begin = before
            .rfind(|c: char| !is_of_name(c))
            .map_or(0, |at| at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
        let name = before.get(begin..).unwrap_or_default();
        if name.is_empty() || !is_secret(name, keys) {
            continue;
        }
        let value = at + separator.len();
        let rest = arg.get(value..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        let quoted = rest.get(blank..).and_then(|rest| rest.chars().next()).filter(|c| matches!(c, '"' | '\''));
        let (from, length) = if let Some(quote) = quoted {
            let inner = rest.get(blank + 1..).unwrap_or_default();
            (value + blank + 1, inner.find(quote).unwrap_or(inner.len()))
        } else if separator == ":" {
            // A header goes on to the end of its line.
            let inner = rest.get(blank..).unwrap_or_default();
            (value + blank, inner.find(['\r', '\n']).unwrap_or(inner.len()))
        } else if arg.get(..begin).is_some_and(|option| option.chars().all(|c| c == '-')) {
            (value, rest.len())
        } else {
            (value, rest.find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | '"' | '\'')).unwrap_or(rest.len()))
        };
        ranges.push((from, from + length));
    }
}

const fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// `USER:PASSWORD@` of addresses, and what stands alone before the `@` of one by HTTP.
fn accounts(arg: &str, ranges: &mut Vec<(usize, usize)>) {
    for (at, scheme) in arg.match_indices("://") {
        let from = at + scheme.len();
        let rest = arg.get(from..).unwrap_or_default();
        let authority =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'')).unwrap_or(rest.len());
        let end = rest.get(..authority).and_then(|authority| authority.rfind('@'));
        // A password may hold what ends an authority.
        let Some(end) =
            end.or_else(|| rest.find('@').filter(|end| rest.get(..*end).is_some_and(|user| user.contains(':'))))
        else {
            continue;
        };
        let user = rest.get(..end).unwrap_or_default();
        match user.find(':') {
            Some(colon) => ranges.push((from + colon + 1, from + end)),
            None if arg.get(..at).is_some_and(|before| before.ends_with("http") || before.ends_with("https")) => {
                ranges.push((from, from + end));
            }
            None => {}
        }
    }
}

/// Passwords of proxies without a scheme: `https_proxy=USER:PASSWORD@HOST`.
fn proxies(arg: &str, ranges: &mut Vec<(usize, usize)>) {
    for (at, separator) in arg.match_indices('=') {
        let (name, from) = (arg.get(..at).unwrap_or_default(), at + separator.len());
        let begin = name.len().saturating_sub("proxy".len());
        if name.get(begin..).is_some_and(|end| end.eq_ignore_ascii_case("proxy")) {
            let password = arg.get(from..).and_then(password);
            ranges.extend(password.map(|(begin, end)| (from + begin, from + end)));
        }
    }
}

/// Words that are tokens by their beginning, and what follows `Bearer` and `Basic`.
fn tokens(arg: &str, ranges: &mut Vec<(usize, usize)>) {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=' | '~');
    for beginning in TOKENS {
        for (at, _) in arg.match_indices(beginning) {
            let is_begin =
                arg.get(..at).and_then(|before| before.chars().next_back()).is_none_or(|c| !c.is_ascii_alphanumeric());
            let rest = arg.get(at..).unwrap_or_default();
            let length = rest.find(|c| !is_of_token(c)).unwrap_or(rest.len());
            if is_begin && length >= SHORTEST_TOKEN {
                ranges.push((at, at + length));
            }
        }
    }
    let lower = arg.to_ascii_lowercase();
    for scheme in ["bearer ", "basic "] {
        for (at, _) in lower.match_indices(scheme) {
            let rest = arg.get(at + scheme.len()..).unwrap_or_default();
            let from = at + scheme.len() + rest.len() - rest.trim_start().len();
            let rest = rest.trim_start();
            ranges.push((
                from,
                from + rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(rest.len()),
            ));
        }
    }
}
