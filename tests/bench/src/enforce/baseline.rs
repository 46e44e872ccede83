//! A baseline that covers the measured flows, and many others.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

/// A baseline with this many rules. All but two are about other programs, as usual.
pub(super) fn text(rules: usize) -> Result<String> {
    let own = std::env::current_exe().context("this program has a path")?;
    let mut text = "format 1\n".to_owned();
    for network in ["127.0.0.0/8", "10.9.0.0/24"] {
        writeln!(text, "allow exe={} -> * {network} *", own.display())?;
    }
    for number in 2..rules {
        let (program, host) = (number % 200, number / 2);
        match number % 2 {
            0 => writeln!(text, "allow exe=/usr/bin/program-{program} -> tcp host-{host}.example.net 443")?,
            _ => {
                writeln!(text, "allow exe=/usr/bin/program-{program} -> tcp 10.{}.0.0/24 {}", host % 250, 1024 + host)?
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn baseline_has_the_requested_number_of_distinct_rules() {
        let text = text(1000).unwrap();
        let mut rules: Vec<_> = text.lines().filter(|line| line.starts_with("allow ")).collect();
        rules.sort_unstable();
        rules.dedup();
        assert_eq!(rules.len(), 1000);
    }
}
