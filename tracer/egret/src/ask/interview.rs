//! Asks the questions one by one on a terminal.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use anyhow::Result;
use egret_enforcer::ask::{Answer, Extent, Hosts, Lasts};

use super::{answer, author, open, text};
use crate::control::{AnswerRequest, Client};

const CHOICES: &str = "\
      a  allow always     o  allow once     h  allow for 1h     r  allow until egret restarts
      d  deny always      n  deny once      t  deny for 1h
      s  skip             q  quit
      to answer for more than this connection, add any-port, domain or any-host, such as `a domain`
    > ";

const HOUR: Duration = Duration::from_secs(3600);

/// Asks every open question until there are no more.
pub(super) async fn run(client: &Client) -> Result<()> {
    let mut skipped = BTreeSet::new();
    loop {
        let questions = open(client).await?;
        let Some(question) = questions.open.iter().find(|question| !skipped.contains(&question.id)) else {
            return Ok(writeln!(io::stdout(), "no more questions")?);
        };
        let mut out = io::stdout();
        write!(out, "{}{CHOICES}", text::one(question))?;
        out.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(());
        }
        let chosen = match line.trim() {
            "q" => return Ok(()),
            "s" => {
                skipped.insert(question.id);
                continue;
            }
            line => match chosen(line) {
                Some(answer) => answer,
                None => continue,
            },
        };
        let request = AnswerRequest { id: Some(question.id), subject: None, by: author(), answer: chosen };
        // Another user may have answered meanwhile.
        if let Err(error) = answer(client, request).await {
            skipped.insert(question.id);
            writeln!(out, "{error:#}")?;
        }
    }
}

/// Parses a line: a letter, and optional words for the extent.
fn chosen(line: &str) -> Option<Answer> {
    let mut words = line.split_whitespace();
    let (allow, lasts) = match words.next()? {
        "a" => (true, Lasts::Always),
        "d" => (false, Lasts::Always),
        "o" => (true, Lasts::Once),
        "n" => (false, Lasts::Once),
        "h" => (true, Lasts::For(HOUR)),
        "t" => (false, Lasts::For(HOUR)),
        "r" => (true, Lasts::UntilRestart),
        _ => return None,
    };
    let mut extent = Extent::default();
    for word in words {
        match word {
            "any-port" => extent.any_port = true,
            "domain" => extent.hosts = Hosts::Domain,
            "any-host" => extent.hosts = Hosts::Any,
            _ => return None,
        }
    }
    Some(Answer { allow, lasts, extent })
}

#[cfg(test)]
mod tests {
    use super::{Answer, Extent, HOUR, Hosts, Lasts, chosen};

    #[test]
    fn a_line_has_duration_and_extent() {
        let answer = |allow, lasts, hosts, any_port| Some(Answer { allow, lasts, extent: Extent { hosts, any_port } });
        for (line, expected) in [
            ("a", answer(true, Lasts::Always, Hosts::This, false)),
            ("t domain", answer(false, Lasts::For(HOUR), Hosts::Domain, false)),
            ("n any-port", answer(false, Lasts::Once, Hosts::This, true)),
            ("r any-host any-port", answer(true, Lasts::UntilRestart, Hosts::Any, true)),
            ("", None),
            ("domain", None),
            ("a everything", None),
        ] {
            assert_eq!(chosen(line), expected, "{line}");
        }
    }
}
