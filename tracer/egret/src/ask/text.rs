//! Questions for people. What they hold was chosen by programs: nothing of it moves the cursor.

use std::fmt::Write as _;

use egret_enforcer::ask::{AnswerInForce, Question};

use crate::control::Questions;

/// All of them.
pub(super) fn list(questions: &Questions) -> String {
    let mut text = String::new();
    for question in &questions.open {
        text.push_str(&one(question));
    }
    for standing in &questions.standing {
        text.push_str(&standing_line(standing));
    }
    if text.is_empty() { "no question is open, and no answer holds for a time\n".to_owned() } else { text }
}

/// One question, two lines. Writing to a string does not fail.
pub(super) fn one(question: &Question) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{:>4}  {}", question.id, plain(&question.rule));
    let times = if question.count == 1 { "once".to_owned() } else { format!("{} times", question.count) };
    let _ = write!(text, "      tried {times}, last {} ago", age(question.idle_seconds));
    if let Some(address) = question.address {
        let _ = write!(text, ", address {address}");
    }
    if let Some(parent) = &question.parent {
        let _ = write!(text, ", started by {}", plain(parent));
    }
    text.push('\n');
    text
}

fn standing_line(standing: &AnswerInForce) -> String {
    let verb = if standing.allow { "allow" } else { "deny" };
    let until = standing
        .remaining_seconds
        .map_or_else(|| "until egret ends".to_owned(), |left| format!("for {} more", age(left)));
    format!("{:>4}  answered: {verb} {} {until}\n", standing.id, plain(&standing.rule))
}

fn age(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

pub(super) fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}
