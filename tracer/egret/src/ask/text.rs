//! Questions as text. Their values come from programs, so control characters are replaced.

use std::fmt::Write as _;

use egret_enforcer::ask::{AnswerInForce, Question};

use crate::control::Questions;

pub(super) fn list(questions: &Questions) -> String {
    let mut text = String::new();
    for question in &questions.open {
        text.push_str(&one(question));
    }
    for answer in &questions.in_force {
        text.push_str(&answer_line(answer));
    }
    if text.is_empty() { "no open question, and no temporary answer in force\n".to_owned() } else { text }
}

/// A question in two lines. Writing to a string does not fail.
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

fn answer_line(answer: &AnswerInForce) -> String {
    let verb = if answer.allow { "allow" } else { "deny" };
    let until = answer
        .remaining_seconds
        .map_or_else(|| "until egret ends".to_owned(), |left| format!("for {} more", age(left)));
    format!("{:>4}  answered: {verb} {} {until}\n", answer.id, plain(&answer.rule))
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
