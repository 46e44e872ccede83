//! The grammars of shells.
//!
//! `-c` takes no value: the first operand is the text. `-s` reads standard input whatever the operands are.

use super::grammar::Habit::{Abbreviated, Clusters, DashEnds, OneDash, Plus, SearchesLast};
use super::grammar::Operand::File;
use super::grammar::Takes::{Command, Flag, Input, Next, Opaque, OpaqueValue, ShellOption, Text, Value};
use super::grammar::{Grammar, Takes};

/// By the names of the programs without their versions.
pub(super) static ALL: &[(&str, &Grammar)] = &[
    ("bash", &BASH),
    ("rbash", &BASH),
    ("sh", &SH),
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
        ("--rcfile --init-file", OpaqueValue),
        ("--debugger --protected --wordexp", Opaque),
        (
            "--debug --dump-po-strings --dump-strings --help --login --noediting --noprofile --norc --posix \
             --pretty-print --restricted --verbose --version",
            Flag,
        ),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds, OneDash, SearchesLast],
};

/// dash(1), busybox ash. Neither looks for a script elsewhere than in the working directory.
pub(super) static DASH: Grammar = Grammar { options: DASH_OPTIONS, operand: File, habits: &[Clusters, Plus, DashEnds] };

/// A shell that is just called so, which may search as POSIX allows it to.
static SH: Grammar =
    Grammar { options: DASH_OPTIONS, operand: File, habits: &[Clusters, Plus, DashEnds, SearchesLast] };

const DASH_OPTIONS: &[(&str, Takes)] =
    &[("-a -b -e -f -i -l -m -n -p -q -u -v -x -C -E -I -V", Flag), ("-c", Command("-c")), ("-s", Input), ("-o", Next)];

/// zsh(1), zshoptions(1): the name of any option of the shell is a long option.
static ZSH: Grammar = Grammar {
    options: &[
        ("-0 -1 -2 -3 -4 -5 -6 -7 -8 -9", Flag),
        ("-a -d -e -f -g -h -i -k -l -m -n -p -r -t -u -v -w -x -y", Flag),
        ("-B -C -D -E -F -G -H -I -J -K -L -M -N -O -P -Q -R -S -T -U -V -W -X -Y -Z", Flag),
        ("-c", Command("-c")),
        ("-s", Input),
        ("-o", ShellOption),
        ("--emulate", Next),
        ("--*", Flag),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds, SearchesLast],
};

/// ksh93(1).
static KSH: Grammar = Grammar {
    options: &[
        ("-a -b -e -f -h -i -k -l -m -n -p -r -t -u -v -x -B -C -D -E -G -H", Flag),
        ("-c", Command("-c")),
        ("-s", Input),
        ("-o", ShellOption),
        ("-R", Value),
        ("--*", Flag),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds, SearchesLast],
};

/// mksh(1).
static MKSH: Grammar = Grammar {
    options: &[
        ("-a -b -e -f -h -i -k -l -m -n -p -r -u -v -x -C -U -X", Flag),
        ("-c", Command("-c")),
        ("-s", Input),
        ("-o", ShellOption),
        ("-T", Value),
    ],
    operand: File,
    habits: &[Clusters, Plus, DashEnds, SearchesLast],
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
