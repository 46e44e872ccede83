//! The names in a PromQL expression.
//!
//! Prometheus parses the expressions in the live tests; here it suffices to distinguish metric names from functions,
//! keywords and labels.

use std::collections::BTreeSet;

/// The names in an expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// A metric with the labels of its selector.
    pub(crate) selected: Vec<(String, BTreeSet<String>)>,
    /// Labels that results are grouped or joined by.
    pub(crate) grouped: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Mark(char),
    /// A text, a number or a duration.
    Value,
}

/// Keywords before a list of labels.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OTHER_WORDS: [&str; 9] = ["and", "or", "unless", "bool", "offset", "atan2", "start", "end", "inf"];

/// Reads an expression whose variables are substituted.
pub(crate) fn names(expression: &str) -> Names {
    let tokens = tokens(expression);
    let mut names = Names::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1);
        at += 1;
        match token {
            Token::Mark('{') => {
                let end = close(&tokens, at, '}');
                let labels = labels(&tokens[at..end]);
                match names
                    .selected
                    .last_mut()
                    .filter(|_| matches!(tokens.get(at.wrapping_sub(2)), Some(Token::Name(_))))
                {
                    Some((_, selected)) => selected.extend(labels),
                    None => panic!("a selector without a metric: {expression}"),
                }
                at = end;
            }
            Token::Name(word) if BEFORE_LABELS.contains(&word.as_str()) => {
                if next == Some(&Token::Mark('(')) {
                    let end = close(&tokens, at + 1, ')');
                    names.grouped.extend(tokens[at..end].iter().filter_map(name));
                    at = end;
                }
            }
            Token::Name(word) if OTHER_WORDS.contains(&word.as_str()) || next == Some(&Token::Mark('(')) => {}
            // `sum by (...)`
            Token::Name(_) if next.and_then(name).is_some_and(|next| next == "by" || next == "without") => {}
            Token::Name(word) => names.selected.push((word.clone(), BTreeSet::new())),
            Token::Mark(_) | Token::Value => {}
        }
    }
    names
}

fn name(token: &Token) -> Option<String> {
    match token {
        Token::Name(name) => Some(name.clone()),
        Token::Mark(_) | Token::Value => None,
    }
}

/// The labels that a selector names.
fn labels(tokens: &[Token]) -> impl Iterator<Item = String> {
    tokens.iter().filter_map(name)
}

fn close(tokens: &[Token], from: usize, mark: char) -> usize {
    (from..tokens.len()).find(|at| tokens[*at] == Token::Mark(mark)).unwrap_or(tokens.len())
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression.chars().peekable();
    while let Some(first) = rest.next() {
        let mut word = String::from(first);
        if first == '"' || first == '\'' {
            while let Some(one) = rest.next().filter(|one| *one != first) {
                if one == '\\' {
                    rest.next();
                }
            }
            tokens.push(Token::Value);
        } else if is_of_name(first) {
            while let Some(one) = rest.next_if(|one| is_of_name(*one) || (first.is_ascii_digit() && *one == '.')) {
                word.push(one);
            }
            // Numbers and durations begin with a digit.
            tokens.push(if first.is_ascii_digit() { Token::Value } else { Token::Name(word) });
        } else if first == '#' {
            while rest.next_if(|one| *one != '\n').is_some() {}
        } else if !first.is_whitespace() {
            tokens.push(Token::Mark(first));
        }
    }
    tokens
}

fn is_of_name(one: char) -> bool {
    one.is_ascii_alphanumeric() || one == '_' || one == ':'
}

/// Metric names are distinguished from other words.
pub(crate) fn parses_names() {
    let read = |expression: &str| {
        let Names { selected, grouped } = names(expression);
        let selected: Vec<String> =
            selected.into_iter().map(|(name, labels)| format!("{name}{labels:?}").replace('"', "")).collect();
        (selected.join(" "), grouped.into_iter().collect::<Vec<_>>().join(" "))
    };
    let same = |expression: &str, selected: &str, grouped: &str| {
        assert_eq!(read(expression), (selected.to_owned(), grouped.to_owned()), "{expression}");
    };
    same("a", "a{}", "");
    same(r#"sum by (x, y) (rate(a_total{z=~"b{c}", w!='d\'e'}[5m] offset 1d)) > 0.5e3"#, "a_total{w, z}", "x y");
    same("sum(a) by (x) / on (y) group_left (z) b or vector(0)", "a{} b{}", "x y z");
    same("topk(3, a unless b) # c\n and d:e == bool 1", "a{} b{} d:e{}", "");
    same("histogram_quantile(0.95, sum by (le) (rate(a_bucket[1m])))", "a_bucket{}", "le");
    same("min(time() - a and on (i) b)", "a{} b{}", "i");
}
