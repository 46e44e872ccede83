//! The capabilities of standard output.

use std::env;
use std::io::{IsTerminal, stdout};

use terminal_size::{Width, terminal_size_of};

use super::TableStyle;
use crate::ColorChoice;

impl TableStyle {
    /// The style for standard output: the width of the terminal, and the character set of the locale.
    #[must_use]
    pub fn for_stdout(choice: ColorChoice) -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let plain = set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb");
        let terminal = stdout().is_terminal();
        let width = terminal.then(|| terminal_size_of(stdout())).flatten().map(|(Width(columns), _)| columns);
        // The order of the C library (locale(7)).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        Self {
            color: is_coloured(choice, terminal, plain),
            width,
            utf8: locale.is_some_and(|name| is_utf8(&name.to_string_lossy())),
        }
    }
}

fn is_coloured(choice: ColorChoice, terminal: bool, plain: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => terminal && !plain,
    }
}

/// Whether a locale such as `de_DE.UTF-8` or `C.utf8` uses UTF-8.
fn is_utf8(locale: &str) -> bool {
    let codeset = locale.split('@').next().and_then(|name| name.split_once('.')).map(|(_, codeset)| codeset);
    codeset.is_some_and(|codeset| codeset.eq_ignore_ascii_case("utf-8") || codeset.eq_ignore_ascii_case("utf8"))
}

#[cfg(test)]
mod tests {
    use super::{is_coloured, is_utf8};
    use crate::ColorChoice::{Always, Auto, Never};

    #[test]
    fn colour_needs_a_terminal_unless_forced() {
        assert!(is_coloured(Auto, true, false));
        assert!(!is_coloured(Auto, true, true));
        assert!(!is_coloured(Auto, false, false));
        assert!(is_coloured(Always, false, true));
        assert!(!is_coloured(Never, true, false));
    }

    #[test]
    fn the_codeset_of_the_locale_decides() {
        for locale in ["de_DE.UTF-8", "C.utf8", "en_GB.UTF-8@euro"] {
            assert!(is_utf8(locale), "{locale}");
        }
        for locale in ["C", "POSIX", "de_DE@euro", "de_DE.ISO-8859-1"] {
            assert!(!is_utf8(locale), "{locale}");
        }
    }
}
