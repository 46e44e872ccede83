//! Consoles in Markdown: `$ ` and a command, `> ` and its continuation, and the output, in which `…` matches anything.

/// A command, and its output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) expected: String,
}

/// All commands of a page, in order.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```console" => inside = true,
            _ if line.starts_with("```") => inside = false,
            _ if !inside => {}
            _ => match (line.strip_prefix("$ "), line.strip_prefix("> "), steps.last_mut()) {
                (Some(command), ..) => steps.push(Step { command: command.to_owned(), expected: String::new() }),
                (None, Some(more), Some(step)) => step.command = format!("{}\n{more}", step.command),
                (None, None, Some(step)) => step.expected = format!("{}{line}\n", step.expected),
                (None, _, None) => panic!("output before any command: {line}"),
            },
        }
    }
    steps
}

/// Compares line by line. A line of `…` matches any number of lines.
pub(crate) fn compare(expected: &str, output: &str) -> Result<(), String> {
    let (expected, output): (Vec<_>, Vec<_>) = (expected.lines().collect(), output.lines().collect());
    if covers(&expected, &output) { Ok(()) } else { Err("what came is not what the page has".to_owned()) }
}

fn covers(expected: &[&str], output: &[&str]) -> bool {
    match (expected, output) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=output.len()).any(|skipped| covers(rest, &output[skipped..])),
        ([first, rest @ ..], [line, lines @ ..]) => is_like(first, line) && covers(rest, lines),
        _ => false,
    }
}

/// Whether the parts between the ellipses occur in order, the first at the start and the last at the end. Consecutive
/// blanks count as one: column widths vary.
fn is_like(pattern: &str, line: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (pattern, line) = (words(pattern), words(line));
    let mut parts = pattern.split('…').map(str::trim);
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(place) = rest.find(before) else { return false };
            rest = &rest[place + before.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

pub(crate) fn check_parser() {
    let page = "Text.\n```console\n$ one\n$ two <<END\n> three\nfour\n```\n```\n$ no console\n```\n";
    let step = |command: &str, expected: &str| Step { command: command.to_owned(), expected: expected.to_owned() };
    assert_eq!(steps(page), [step("one", ""), step("two <<END\nthree", "four\n")]);
    for (pattern, line, like) in [
        ("one two", "one   two", true),
        ("one …", "one two three", true),
        ("… two …", "one two three", true),
        ("…two…three", "one two and three", true),
        ("one … four", "one two three", false),
        ("one", "one two", false),
        ("… one … one", "one", false),
    ] {
        assert_eq!(is_like(pattern, line), like, "{pattern:?} {line:?}");
    }
    for (expected, output, same) in
        [("a\n…\nd", "a\nb\nc\nd", true), ("a\n…", "a", true), ("…\nd", "a", false), ("", "", true), ("", "a", false)]
    {
        assert_eq!(compare(expected, output).is_ok(), same, "{expected:?} {output:?}");
    }
}
