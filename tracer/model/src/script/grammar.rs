//! How interpreters read their command lines: the words in which the tables are written.

/// What an option takes, and what it means for the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing.
    Flag,
    /// A value: the rest of the argument, behind `=`, or the next argument.
    Value,
    /// A value that is always the next argument, also amid a cluster: `-eo pipefail`, `-oe pipefail`.
    Next,
    /// A value, only if it is attached.
    Attached,
    /// As many of these characters as follow in the cluster, up to a number; or all of it behind a colon.
    Characters(&'static str, usize),
    /// What follows in the cluster up to a blank.
    ToBlank,
    /// The letters, digits and underscores that follow in the cluster.
    Word,
    /// Up to three octal digits, or `x` and hexadecimal digits up to the end of the argument.
    Separator,
    /// The name of a module in the same argument. Perl compiles what stands behind it.
    Import,
    /// The same behind a colon; a debugger that reads standard input without one.
    Debugger,
    /// A value behind `=`. Without `=` it is the next argument in some versions only, or in none.
    Equals,
    /// The script behind `=`, and in no other way.
    EqualsScript,
    /// A value: the name of an option of a shell.
    ShellOption,
    /// Nothing, but the interpreter reads standard input behind the script, or in its place.
    Interactive,
    /// A value that is the text of a program. The word is the option's canonical form.
    Text(&'static str),
    /// The same, if the next argument is no option.
    OptionalText(&'static str),
    /// The text of a program, which all further arguments belong to.
    AllText(&'static str),
    /// Nothing, but the first operand is the text of a program.
    Command(&'static str),
    /// A value that names a module; what follows belongs to it.
    Module(&'static str),
    /// A value that names the script.
    Script,
    /// The same; what follows belongs to the script.
    LastScript,
    /// Nothing, but the program comes from standard input whatever the operands are.
    Input,
    /// A value with an unknown effect on what runs.
    OpaqueValue,
    /// A value: the directory to change to before the script is opened.
    Directory,
    /// Nothing, but an operand without a slash is looked for elsewhere than in the working directory.
    Search,
    /// What it makes of the command line is unknown.
    Opaque,
    /// What follows is for the program.
    End,
}

impl Takes {
    /// Whether it has a value, attached or in the next argument.
    pub(super) const fn has_value(self) -> bool {
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
                | Self::OpaqueValue
                | Self::Equals
                | Self::EqualsScript
                | Self::ShellOption
                | Self::Directory
        )
    }
}

/// What the first operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// The script.
    File,
    /// The text of a program.
    Text(&'static str),
    /// The name of a class, or a file of source text.
    Class,
    /// It means nothing to the interpreter, nor do further ones.
    Ignored,
    /// Subcommands with what their first operand is. Anything else is a script if it looks like a file, or if [`ANYTHING`] is
    /// in the table.
    Subcommands(&'static [(&'static str, Self)]),
    /// What it means is unknown.
    Opaque,
}

/// Stands for any operand in a table of subcommands, which it is no part of.
pub(super) const ANYTHING: &str = "*";

/// Habits in which interpreters differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// One dash may have several letters, each an option.
    Clusters,
    /// Options with `+` switch off.
    Plus,
    /// A single dash ends the options and is no operand.
    DashEnds,
    /// Behind `--` there is no script: the program comes from standard input.
    DashesInput,
    /// Only the first argument may be an option, and standard input stands for an operand with a dash.
    LeadingOption,
    /// An argument that begins with `@` names a file with further arguments.
    ArgumentFiles,
    /// Long options may have one dash.
    OneDash,
    /// Words of long options may be joined by underscores, and `no-` negates them.
    Underscores,
    /// Long options may be cut as long as they stay unambiguous.
    Abbreviated,
    /// A script without a slash is looked for along a path of which the working directory is one part, and only the environment
    /// has it.
    Searches,
    /// The same, but only if the working directory has no such file.
    SearchesLast,
    /// Upper and lower case are the same.
    Caseless,
}

/// How an interpreter reads its command line.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) options: &'static [(&'static str, Takes)],
    pub(super) operand: Operand,
    pub(super) habits: &'static [Habit],
}

impl Grammar {
    pub(super) fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    /// What an option takes, by its name with its dashes. A name in the table that ends with `*` stands for all that begin so.
    pub(super) fn find(&self, option: &str) -> Option<Takes> {
        let mut option = option.to_owned();
        if self.has(Habit::Caseless) {
            option.make_ascii_lowercase();
        }
        if self.has(Habit::Underscores) {
            option = option.replace('_', "-");
        }
        let exact = self.exact(&option);
        let negated = || self.has(Habit::Underscores).then(|| option.strip_prefix("--no-")).flatten();
        let is_flag = |takes: &Takes| matches!(takes, Takes::Flag | Takes::Attached);
        exact
            .or_else(|| negated().and_then(|name| self.exact(&format!("--{name}"))).filter(is_flag))
            .or_else(|| self.abbreviation(&option))
    }

    fn exact(&self, option: &str) -> Option<Takes> {
        let is = |name: &str| match name.strip_suffix('*') {
            Some(beginning) => option.starts_with(beginning),
            None => name == option,
        };
        self.options.iter().find(|(names, _)| names.split_whitespace().any(is)).map(|(_, takes)| *takes)
    }

    fn abbreviation(&self, option: &str) -> Option<Takes> {
        let is_long = option.starts_with("--") || self.has(Habit::OneDash);
        if !self.has(Habit::Abbreviated) || !is_long || option.len() < 2 {
            return None;
        }
        let names =
            || self.options.iter().flat_map(|(names, takes)| names.split_whitespace().map(move |name| (name, *takes)));
        let mut matches = names().filter(|(name, _)| name.starts_with(option)).map(|(_, takes)| takes);
        let first = matches.next()?;
        matches.all(|takes| takes == first).then_some(first)
    }
}
