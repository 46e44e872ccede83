//! The grammars of shells.
//!
//! `-c` takes no value: the first operand is the text. `-s` reads standard input whatever the operands are.

use super::grammar::Grammar;
use super::grammar::Habit::{Abbreviated, Clusters, DashEnds, OneDash, Plus};
use super::grammar::Operand::File;
use super::grammar::Takes::{Command, Flag, Input, Next, Text, Value};

/// By the names of the programs without their versions.
pub(super) static ALL: &[(&str, &Grammar)] = &[
    ("bash", &BASH),
    ("rbash", &BASH),
    ("sh", &DASH),
    ("dash", &DASH),
    ("ash", &DASH),
    ("zsh", &ZSH),
    ("zsh-static", &ZSH),
    ("ksh", &KSH),
    ("mksh", &MKSH),
    ("lksh", &MKSH),
    ("mksh-static", &MKSH),
    ("fish", &FISH),
];

/// bash(1). Its long options may have one dash.
static BASH: Grammar = Grammar {
    options: &[
        ("-a -b -e -f -h -i -k -l -m -n -p -r -t -u -v -x -B -C -D -E -H -P -T", Flag),
        ("-c", Command("-c")),
        ("-s", Input),
        ("-o -O", Next),
        ("--rcfile --init-file", Next),
        (
            "--debug --debugger --dump-po-strings --dump-strings --help --login --noediting --noprofile --norc --posix \
             --pretty-print --protected --restricted --verbose --version --wordexp",
            Flag,
        ),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds, OneDash],
};

/// dash(1), busybox ash.
pub(super) static DASH: Grammar = Grammar {
    options: &[
        ("-a -b -e -f -i -l -m -n -p -q -u -v -x -C -E -I -V", Flag),
        ("-c", Command("-c")),
        ("-s", Input),
        ("-o", Next),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds],
};

/// zsh(1), zshoptions(1): the name of any option of the shell is a long option.
static ZSH: Grammar = Grammar {
    options: &[
        ("-0 -1 -2 -3 -4 -5 -6 -7 -8 -9", Flag),
        ("-a -d -e -f -g -h -i -k -l -m -n -p -r -t -u -v -w -x -y", Flag),
        ("-B -C -D -E -F -G -H -I -J -K -L -M -N -O -P -Q -R -S -T -U -V -W -X -Y -Z", Flag),
        ("-c", Command("-c")),
        ("-s", Input),
        ("-o", Value),
        ("--emulate", Next),
        ("--*", Flag),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds],
};

/// ksh93(1).
static KSH: Grammar = Grammar {
    options: &[
        ("-a -b -e -f -h -i -k -l -m -n -p -r -t -u -v -x -B -C -D -E -G -H", Flag),
        ("-c", Command("-c")),
        ("-s", Input),
        ("-o", Value),
        ("-R", Value),
        ("--*", Flag),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds],
};

/// mksh(1).
static MKSH: Grammar = Grammar {
    options: &[
        ("-a -b -e -f -h -i -k -l -m -n -p -r -u -v -x -C -U -X", Flag),
        ("-c", Command("-c")),
        ("-s", Input),
        ("-o", Value),
        ("-T", Value),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds],
};

/// fish(1).
static FISH: Grammar = Grammar {
    options: &[
        ("-i --interactive -l --login -N --no-config -n --no-execute -P --private -h --help -v --version", Flag),
        ("--print-rusage-self --print-debug-categories", Flag),
        ("-c --command", Text("-c")),
        ("-C --init-command", Text("-C")),
        ("-d --debug -o --debug-output -p --profile --profile-startup -f --features -D --debug-stack-frames", Value),
    ],
    operand: File,
    habits: &[Clusters, Abbreviated],
};
