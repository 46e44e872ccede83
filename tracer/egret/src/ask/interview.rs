//! One question after the other, on a terminal.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use anyhow::Result;
use egret_enforcer::ask::{Answer, Lasts};

use super::{answer, author, open, text};
use crate::control::{AnswerRequest, Client};

const CHOICES: &str = "\
      a  allow always     o  allow once     h  allow for 1h     r  allow until egret restarts
      d  deny always      n  deny once      t  deny for 1h
      s  skip             q  quit
    > ";

/// Puts each question that is open, until there are no more.
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
            "a" => Answer { allow: true, lasts: Lasts::Always },
            "d" => Answer { allow: false, lasts: Lasts::Always },
            "o" => Answer { allow: true, lasts: Lasts::Once },
            "h" => Answer { allow: true, lasts: Lasts::For(Duration::from_secs(3600)) },
            "n" => Answer { allow: false, lasts: Lasts::Once },
            "t" => Answer { allow: false, lasts: Lasts::For(Duration::from_secs(3600)) },
            "r" => Answer { allow: true, lasts: Lasts::UntilRestart },
            "q" => return Ok(()),
            "s" => {
                skipped.insert(question.id);
                continue;
            }
            _ => continue,
        };
        let request = AnswerRequest { id: Some(question.id), subject: None, by: author(), answer: chosen };
        // Somebody else may have answered meanwhile.
        if let Err(error) = answer(client, request).await {
            skipped.insert(question.id);
            writeln!(out, "{error:#}")?;
        }
    }
}
