//! Going along a command line as an interpreter does.

use std::sync::Arc;

use super::grammar::{ANYTHING, Grammar, Habit, Operand, Takes};
use super::{CommandLine, Script, Text, attached, path};

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
    is_interactive: bool,
    is_searched: bool,
    is_searched_last: bool,
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
    pub(super) fn new(grammar: &'static Grammar, args: &[Arc<str>]) -> Self {
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
            is_interactive: false,
            is_searched: grammar.has(Habit::Searches),
            is_searched_last: grammar.has(Habit::SearchesLast),
            is_opaque: false,
            at: 1,
        };
        while scan.options(grammar, args) == Next::Operand && scan.subcommand() {}
        if let (Some(word), Some((_, at))) = (scan.operand_text(), &scan.operand) {
            scan.texts.push(Text { argument: *at, at: 0 });
            scan.text = scan.text.or(Some(word));
        }
        let mut read = args.iter().take(scan.at).skip(1);
        scan.is_opaque |= grammar.has(Habit::ArgumentFiles) && read.any(|arg| arg.starts_with('@'));
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
        let has_script = self.module.is_some() || self.file.is_some() || self.operand.is_some();
        if self.command.is_some() || self.is_interactive && has_script {
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
            (Some((file, _)), _) if self.is_searched && is_bare(&file) => Script::Unknown,
            (Some((file, _)), _) => path::script(&file, directory.as_deref()),
            (None, _) if self.is_input => Script::known("-"),
            (None, Some((operand, _))) => match self.kind {
                Operand::Class if !operand.ends_with(".java") => path::class(&operand),
                Operand::File if self.is_searched && is_bare(&operand) => Script::Unknown,
                Operand::File | Operand::Class => path::location(&operand, directory.as_deref()),
                Operand::Text(_) | Operand::Ignored | Operand::Subcommands(_) | Operand::Opaque => Script::Unknown,
            },
            (None, None) if line.truncated => Script::Unknown,
            (None, None) => Script::known("-"),
        }
    }

    /// Where the script must lie, if the interpreter looks elsewhere should it not be there.
    pub(super) fn fallible_path(&self, directory: Option<&str>) -> Option<String> {
        let runs_operand =
            self.is_searched_last && !self.is_opaque && !self.is_input && self.text.is_none() && self.command.is_none();
        let (operand, _) = self.operand.as_ref().filter(|(operand, _)| runs_operand && is_bare(operand))?;
        path::absolute(operand, directory)
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
        if grammar.has(Habit::LeadingOption) {
            return self.leading_option(grammar, args);
        }
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
                "+" if next == Next::Option && grammar.has(Habit::Plus) => {
                    // bash and dash go on, others end the options.
                    self.unknown();
                    self.at += 1;
                }
                _ if next == Next::Option && is_option => next = self.option(grammar, args, arg),
                _ if self.kind == Operand::Ignored => self.at += 1,
                _ => {
                    self.operand = Some((Arc::clone(arg), self.at));
                    // PHP does not ask whether it is the value of an option.
                    let is_behind_dashes = args.get(self.at.saturating_sub(1)).is_some_and(|arg| &**arg == "--");
                    self.is_input |= is_behind_dashes && grammar.has(Habit::DashesInput);
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

    /// An option that may only be the first argument, and the operand behind it.
    fn leading_option(&mut self, grammar: &'static Grammar, args: &[Arc<str>]) -> Next {
        let has_option = args.get(1).is_some_and(|arg| grammar.find(arg).is_some());
        self.at = if has_option { 3 } else { 1 };
        if let Some(arg) = args.get(self.at) {
            self.is_input = arg.starts_with('-');
            self.operand = Some((Arc::clone(arg), self.at));
            self.at += 1;
        }
        Next::Operand
    }

    fn option(&mut self, grammar: &'static Grammar, args: &[Arc<str>], arg: &str) -> Next {
        let is_long = arg.starts_with("--") || !grammar.has(Habit::Clusters);
        if is_long || grammar.has(Habit::OneDash) {
            let (name, value) = arg.split_once('=').map_or((arg, None), |(name, _)| (name, Some(name.len() + 1)));
            let one_dash = || grammar.has(Habit::OneDash).then(|| grammar.find(&format!("-{name}"))).flatten();
            match grammar.find(name).filter(|_| is_long).or_else(one_dash) {
                Some(takes) => {
                    let is_short = !arg.starts_with("--");
                    if is_short && value.is_some() && takes.has_value() {
                        self.unknown();
                    }
                    if grammar.has(Habit::Plus) {
                        self.shell_option(Some(name));
                    }
                    return self.take(takes, args, value);
                }
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
        let mut values = 0;
        let mut at = 1;
        while let Some(letter) = arg.get(at..).and_then(|rest| rest.chars().next()) {
            at += letter.len_utf8();
            let rest = arg.get(at..).unwrap_or_default();
            match grammar.find(&format!("-{letter}")).filter(|_| letter != '-') {
                Some(Takes::Next) => {
                    values += 1;
                    self.shell_option(args.get(self.at + values).map(|value| &**value));
                }
                None | Some(Takes::Equals | Takes::EqualsScript) => self.unknown(),
                Some(takes) if takes.has_value() => {
                    self.at += values;
                    return self.take(takes, args, Some(at).filter(|_| !rest.is_empty()));
                }
                Some(takes) => {
                    // Shells differ in what switching these off means.
                    let is_off = arg.starts_with('+');
                    if is_off && matches!(takes, Takes::Command(_) | Takes::Input) {
                        self.unknown();
                    }
                    self.note(takes);
                    at += self.import(takes, rest, at).unwrap_or_else(|| attached::length(takes, rest));
                }
            }
        }
        self.at += 1 + values;
        Next::Option
    }

    /// A module that Perl loads, in the rest of an argument from a byte on. Returns its length, or `None` where none is loaded.
    fn import(&mut self, takes: Takes, rest: &str, at: usize) -> Option<usize> {
        let module = match takes {
            Takes::Import => rest,
            Takes::Debugger => match rest.trim_start_matches('t').strip_prefix([':', '=']) {
                Some(module) => module,
                None => {
                    self.unknown();
                    return None;
                }
            },
            _ => return None,
        };
        if let Some(text) = attached::text_behind(module) {
            self.unknown();
            self.texts.push(Text { argument: self.at, at: at + rest.len() - module.len() + text });
        }
        Some(rest.len())
    }

    /// The name of an option of a shell, which may be the one to read standard input.
    fn shell_option(&mut self, name: Option<&str>) {
        if name.is_some_and(attached::is_standard_input) {
            self.unknown();
        }
    }

    /// An option whose attached value begins at a byte of its argument.
    fn take(&mut self, takes: Takes, args: &[Arc<str>], attached: Option<usize>) -> Next {
        let here = self.at;
        self.at += 1;
        let place = match takes {
            Takes::Equals | Takes::EqualsScript if attached.is_none() => {
                self.unknown();
                // Texts of programs may follow a value, if it takes one.
                self.at += usize::from(args.get(self.at).is_some_and(|next| !next.starts_with('-')));
                return Next::Option;
            }
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
        if matches!(takes, Takes::OptionalText(_)) && attached.is_some() {
            // Node reads standard input.
            self.unknown();
        }
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
            Takes::Script | Takes::LastScript | Takes::EqualsScript => {
                // With two of them neither is all that runs. Java's first argument without a dash is the script, and PHP
                // drops a `=`.
                let is_option = value.starts_with('-') && value != "-";
                self.is_opaque |= self.file.is_some() || is_option || value.starts_with('=');
                self.file = Some((value.into(), argument));
                if takes == Takes::LastScript {
                    return Next::Nothing;
                }
            }
            // Where it is changed twice, the second is relative to the first.
            Takes::Directory if self.directory.is_some() => self.unknown(),
            Takes::OpaqueValue => self.unknown(),
            Takes::ShellOption | Takes::Next => self.shell_option(Some(value)),
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
            Takes::Interactive => self.is_interactive = true,
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

/// Whether it has no slash, and is not standard input.
fn is_bare(script: &str) -> bool {
    script != "-" && !script.contains('/')
}
