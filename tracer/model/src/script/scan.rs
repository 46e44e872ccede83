//! Going along a command line as an interpreter does.

use std::sync::Arc;

use super::grammar::{ANYTHING, Grammar, Habit, Operand, Takes};
use super::{CommandLine, Script, Text, path};

/// What was found on a command line.
#[derive(Debug)]
pub(super) struct Scan {
    /// Where texts of programs are.
    pub(super) texts: Vec<Text>,
    /// The option of the first of them.
    text: Option<&'static str>,
    /// The first operand is the text of a program.
    command: Option<&'static str>,
    /// A module, with its option.
    module: Option<(&'static str, Arc<str>)>,
    /// The script by an option, and the argument that has it.
    file: Option<(String, usize)>,
    /// The first operand and its place.
    operand: Option<(Arc<str>, usize)>,
    /// What operands are.
    kind: Operand,
    /// The directory is changed before the script is opened.
    directory: Option<String>,
    is_input: bool,
    is_searched: bool,
    is_opaque: bool,
    /// The argument that is next.
    at: usize,
}

/// Whether options may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Option,
    Operand,
    /// Neither: the rest belongs to the program.
    Nothing,
}

impl Scan {
    /// Goes along the arguments behind the first.
    pub(super) fn of(grammar: &'static Grammar, args: &[Arc<str>]) -> Self {
        let mut scan = Self {
            texts: Vec::new(),
            text: None,
            command: None,
            module: None,
            file: None,
            operand: None,
            kind: grammar.operand,
            directory: None,
            is_input: false,
            is_searched: false,
            is_opaque: false,
            at: 1,
        };
        while scan.options(grammar, args) == Next::Operand && scan.subcommand() {}
        if let (Some(word), Some((_, at))) = (scan.operand_text(), &scan.operand) {
            scan.texts.push(Text { argument: *at, at: 0 });
            scan.text = scan.text.or(Some(word));
        }
        scan
    }

    /// What the command line says of the script.
    pub(super) fn script(self, line: CommandLine<'_>) -> Script {
        let is_cut = |at: usize| line.truncated && at + 1 >= line.args.len();
        if self.is_opaque {
            return Script::Unknown;
        }
        if let Some(word) = self.text {
            return Script::known(word);
        }
        if self.command.is_some() {
            return Script::Unknown;
        }
        if let Some((word, module)) = self.module {
            // The module is the argument before the next.
            return if is_cut(self.at.saturating_sub(1)) || module.contains('\u{fffd}') {
                Script::Unknown
            } else {
                Script::known(format!("{word} {module}"))
            };
        }
        let directory = match &self.directory {
            Some(change) => path::absolute(change, line.directory),
            None => line.directory.map(str::to_owned),
        };
        match (self.file, self.operand) {
            (Some((_, at)), _) | (None, Some((_, at))) if is_cut(at) => Script::Unknown,
            (Some((file, _)), _) => path::script(&file, directory.as_deref()),
            (None, _) if self.is_input => Script::known("-"),
            (None, Some((operand, _))) => match self.kind {
                Operand::Class if !operand.ends_with(".java") => class(&operand),
                Operand::File if self.is_searched && !operand.contains('/') => Script::Unknown,
                Operand::File | Operand::Class => location(&operand, directory.as_deref()),
                Operand::Text(_) | Operand::Ignored | Operand::Subcommands(_) | Operand::Opaque => Script::Unknown,
            },
            (None, None) if line.truncated => Script::Unknown,
            (None, None) => Script::known("-"),
        }
    }

    /// The place of the first operand.
    pub(super) fn operand_at(&self) -> Option<usize> {
        self.operand.as_ref().map(|(_, at)| *at)
    }

    /// The word for the first operand, where it is the text of a program.
    fn operand_text(&self) -> Option<&'static str> {
        match self.kind {
            _ if self.command.is_some() => self.command,
            Operand::Text(word) if self.file.is_none() && self.text.is_none() => Some(word),
            _ => None,
        }
    }

    /// Takes the operand as a subcommand; false where it is none.
    fn subcommand(&mut self) -> bool {
        let (Operand::Subcommands(table), Some((name, _))) = (self.kind, &self.operand) else { return false };
        match table.iter().find(|(subcommand, _)| *subcommand != ANYTHING && **subcommand == **name) {
            Some((_, kind)) => {
                self.kind = *kind;
                self.operand = None;
                true
            }
            None => {
                let is_file =
                    name.contains(['.', '/', ':']) || &**name == "-" || table.iter().any(|(any, _)| *any == ANYTHING);
                self.kind = if is_file { Operand::File } else { Operand::Opaque };
                false
            }
        }
    }

    /// Goes on to the first operand.
    fn options(&mut self, grammar: &'static Grammar, args: &[Arc<str>]) -> Next {
        let mut next = Next::Option;
        while let Some(arg) = args.get(self.at) {
            let is_option = arg.len() > 1 && (arg.starts_with('-') || grammar.has(Habit::Plus) && arg.starts_with('+'));
            match &**arg {
                "--" if next == Next::Option => {
                    self.at += 1;
                    next = Next::Operand;
                    self.is_input |= grammar.has(Habit::DashesInput);
                }
                "-" if next == Next::Option && grammar.has(Habit::DashEnds) => {
                    self.at += 1;
                    next = Next::Operand;
                }
                _ if next == Next::Option && is_option => next = self.option(grammar, args, arg),
                _ if self.kind == Operand::Ignored => self.at += 1,
                _ => {
                    self.operand = Some((Arc::clone(arg), self.at));
                    self.is_opaque |= self.kind == Operand::Class && arg.starts_with('@');
                    self.at += 1;
                    return Next::Operand;
                }
            }
            if next == Next::Nothing {
                return next;
            }
        }
        Next::Nothing
    }

    fn option(&mut self, grammar: &'static Grammar, args: &[Arc<str>], arg: &str) -> Next {
        let is_long = arg.starts_with("--") || !grammar.has(Habit::Clusters);
        if is_long || grammar.has(Habit::OneDash) {
            let (name, value) = arg.split_once('=').map_or((arg, None), |(name, _)| (name, Some(name.len() + 1)));
            let one_dash = || grammar.has(Habit::OneDash).then(|| grammar.find(&format!("-{name}"))).flatten();
            match grammar.find(name).filter(|_| is_long).or_else(one_dash) {
                Some(takes) => return self.take(takes, args, value),
                None if is_long => {
                    self.unknown();
                    self.at += 1;
                    return Next::Option;
                }
                None => {}
            }
        }
        self.cluster(grammar, args, arg)
    }

    /// Letters behind one dash.
    fn cluster(&mut self, grammar: &'static Grammar, args: &[Arc<str>], arg: &str) -> Next {
        let mut letters = arg.char_indices().skip(1).peekable();
        let mut values = 0;
        while let Some((at, letter)) = letters.next() {
            let rest = Some(at + letter.len_utf8()).filter(|rest| *rest < arg.len());
            match grammar.find(&format!("-{letter}")) {
                None => self.unknown(),
                Some(Takes::Next) => values += 1,
                Some(Takes::Attached) => break,
                Some(Takes::Characters(characters)) => {
                    while letters.next_if(|(_, letter)| characters.contains(*letter)).is_some() {}
                    if letters.peek().is_some_and(|(_, letter)| *letter == ':') {
                        break;
                    }
                }
                Some(takes) if takes.has_value() => {
                    self.at += values;
                    return self.take(takes, args, rest);
                }
                Some(takes) => self.note(takes),
            }
        }
        self.at += 1 + values;
        Next::Option
    }

    /// An option whose attached value begins at a byte of its argument.
    fn take(&mut self, takes: Takes, args: &[Arc<str>], attached: Option<usize>) -> Next {
        let here = self.at;
        self.at += 1;
        let place = match takes {
            Takes::Flag | Takes::Attached | Takes::Characters(_) => return Next::Option,
            Takes::End => return Next::Nothing,
            Takes::OptionalText(_) if attached.is_none() => {
                if args.get(self.at).is_none_or(|next| next.starts_with('-')) {
                    return Next::Option;
                }
                (self.at, 0)
            }
            _ if !takes.has_value() => {
                self.note(takes);
                return Next::Option;
            }
            _ => attached.map_or((self.at, 0), |at| (here, at)),
        };
        self.at = place.0 + 1;
        let value = args.get(place.0).and_then(|arg| arg.get(place.1..));
        let Some(value) = value else {
            // There is no value, which the interpreter refuses.
            self.unknown();
            return Next::Nothing;
        };
        self.value(takes, args, value, place)
    }

    /// An option's value, which begins at a byte of an argument.
    fn value(&mut self, takes: Takes, args: &[Arc<str>], value: &str, (argument, at): (usize, usize)) -> Next {
        match takes {
            Takes::AllText(_) if value == "-" => self.is_input = true,
            Takes::Text(word) | Takes::OptionalText(word) | Takes::AllText(word) => {
                self.text = self.text.or(Some(word));
                self.texts.push(Text { argument, at });
                if matches!(takes, Takes::AllText(_)) {
                    self.texts.extend((argument + 1..args.len()).map(|argument| Text { argument, at: 0 }));
                    return Next::Nothing;
                }
            }
            Takes::Module(word) => {
                self.module = Some((word, value.into()));
                return Next::Nothing;
            }
            Takes::Script | Takes::LastScript => {
                // With two of them neither is all that runs.
                self.is_opaque |= self.file.is_some();
                self.file = Some((value.into(), argument));
                if takes == Takes::LastScript {
                    return Next::Nothing;
                }
            }
            // Where it is changed twice, the second is relative to the first.
            Takes::Directory if self.directory.is_some() => self.unknown(),
            Takes::Directory => self.directory = Some(value.into()),
            _ => {}
        }
        Next::Option
    }

    /// An option without a value.
    fn note(&mut self, takes: Takes) {
        match takes {
            Takes::Command(word) => self.command = Some(word),
            Takes::Input => self.is_input = true,
            Takes::Search => self.is_searched = true,
            Takes::Opaque => self.unknown(),
            _ => {}
        }
    }

    /// An option that is unknown may take anything. What follows the text of a program changes nothing.
    fn unknown(&mut self) {
        self.is_opaque |= self.text.is_none();
    }
}

impl Takes {
    const fn has_value(self) -> bool {
        matches!(
            self,
            Self::Value
                | Self::Next
                | Self::Text(_)
                | Self::OptionalText(_)
                | Self::AllText(_)
                | Self::Module(_)
                | Self::Script
                | Self::LastScript
                | Self::Directory
        )
    }
}

/// The script at an operand, which may be an address of the network: that may hold secrets, and then the script is unknown.
fn location(operand: &str, directory: Option<&str>) -> Script {
    if let Some(path) = operand.strip_prefix("file://") {
        return path::script(path, None);
    }
    let Some((scheme, rest)) = operand.split_once(':') else { return path::script(operand, directory) };
    match scheme {
        "http" | "https" => {
            let host = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
            if host.contains('@') || rest.contains(['?', '#']) { Script::Unknown } else { Script::known(operand) }
        }
        "npm" | "jsr" => Script::known(operand),
        "data" | "blob" => Script::Unknown,
        _ => path::script(operand, directory),
    }
}

fn class(name: &str) -> Script {
    if name.contains('\u{fffd}') { Script::Unknown } else { Script::known(name) }
}
