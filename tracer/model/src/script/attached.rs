//! Values that end before their argument does.

use super::grammar::Takes;

/// How many bytes of the rest of a cluster belong to an option without a value of its own.
pub(super) fn length(takes: Takes, rest: &str) -> usize {
    match takes {
        Takes::Attached => rest.len(),
        Takes::ToBlank => rest.find(|c: char| c.is_ascii_whitespace() || c == '\u{b}').unwrap_or(rest.len()),
        Takes::Word => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
        Takes::Separator => separator(rest),
        Takes::Characters(characters, most) => {
            let length = rest.chars().take(most).take_while(|c| characters.contains(*c)).map(char::len_utf8).sum();
            if rest.get(length..).is_some_and(|behind| behind.starts_with(':')) { rest.len() } else { length }
        }
        _ => 0,
    }
}

/// The digits behind Perl's `-0` (`Perl_moreswitches`): hexadecimal ones have to fill the argument, else `x` is an option.
fn separator(rest: &str) -> usize {
    if rest.strip_prefix('x').is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit()))
    {
        return rest.len();
    }
    rest.chars().take(3).take_while(|c| ('0'..='7').contains(c)).count()
}

/// Where the text of a program begins behind the name of a module for Perl's `-M`, `-m` and `-d:`. Behind `=` are words for the
/// module; a brace ends them in old versions.
pub(super) fn text_behind(module: &str) -> Option<usize> {
    let name = module.strip_prefix('-').unwrap_or(module);
    let words = name.trim_start_matches(|c: char| is_word(c) || matches!(c, ':' | '.'));
    let is_plain = words.is_empty() || words.starts_with('=') && !words.contains('}');
    (!is_plain).then(|| module.len() - words.len())
}

/// Whether a shell may take the name of an option for the one to read standard input: `stdin`, and in zsh `SHIN_STDIN`. ksh lets
/// names be cut.
pub(super) fn is_standard_input(name: &str) -> bool {
    let name: String = name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect();
    name.contains("stdin") || !name.is_empty() && "stdin".starts_with(&name)
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
