//! The grammars of languages.

use super::grammar::Grammar;
use super::grammar::Habit::{
    Abbreviated, ArgumentFiles, Caseless, Clusters, DashesInput, LeadingOption, OneDash, Searches,
};
use super::grammar::Operand::{self, Class, File, Ignored};
use super::grammar::Takes::{
    AllText, Attached, Characters, Debugger, Directory, End, Equals, EqualsScript, Flag, Import, Interactive,
    LastScript, Module, Opaque, OpaqueValue, Script, Search, Separator, Text, ToBlank, Value, Word,
};
use super::javascript;

/// By the names of the programs without their versions.
pub(super) static ALL: &[(&str, &Grammar)] = &[
    ("python", &PYTHON),
    ("pypy", &PYTHON),
    ("perl", &PERL),
    ("ruby", &RUBY),
    ("php", &PHP),
    ("node", &javascript::NODE),
    ("nodejs", &javascript::NODE),
    ("deno", &javascript::DENO),
    ("bun", &javascript::BUN),
    ("lua", &LUA),
    ("luajit", &LUAJIT),
    ("java", &JAVA),
    ("Rscript", &RSCRIPT),
    ("R", &R),
    ("julia", &JULIA),
    ("tclsh", &TCLSH),
    ("expect", &EXPECT),
    ("awk", &GAWK),
    ("gawk", &GAWK),
    ("mawk", &MAWK),
    ("original-awk", &MAWK),
    ("pwsh", &PWSH),
    ("pwsh-preview", &PWSH),
];

/// <https://docs.python.org/3/using/cmdline.html>, with the options of Python 2 and of PyPy.
static PYTHON: Grammar = Grammar {
    options: &[
        ("-b -B -d -E -h -I -O -P -q -R -s -S -t -u -v -V -x -3 -? -6 -J", Flag),
        ("-i", Interactive),
        ("-W -X -Q", Value),
        ("-c", Text("-c")),
        ("-m", Module("-m")),
        ("--help --help-all --help-env --help-xoptions --version --info", Flag),
        ("--check-hash-based-pycs --jit", Value),
    ],
    operand: File,
    habits: &[Clusters],
};

/// perlrun(1), `perl_parse` and `Perl_moreswitches` of `perl.c`: behind a blank and a dash further options follow.
static PERL: Grammar = Grammar {
    options: &[
        ("-a -c -f -g -h -n -p -s -t -T -u -U -v -w -W -X", Flag),
        ("-0", Separator),
        ("-l", Characters("01234567", usize::MAX)),
        ("-C", Characters("0123456789IOEioASDLa", usize::MAX)),
        ("-d", Debugger),
        ("-V", Opaque),
        ("-D", Word),
        ("-F -i", ToBlank),
        ("-m -M", Import),
        ("-x", Attached),
        ("-I", Value),
        ("-e", Text("-e")),
        ("-E", Text("-E")),
        ("-S", Search),
    ],
    operand: File,
    habits: &[Clusters],
};

/// ruby(1).
static RUBY: Grammar = Grammar {
    options: &[
        ("-a -c -d -h -l -n -p -s -U -v -w -y", Flag),
        ("-0", Characters("01234567", 3)),
        ("-T", Characters("01234567", 2)),
        ("-W", Characters("01234567", 1)),
        ("-K", Characters("aAeEnNsSuU", 1)),
        ("-F -i", Attached),
        // Changes the directory at once.
        ("-x", Opaque),
        ("-E -I -r", Value),
        ("-C -X", Directory),
        ("-e", Text("-e")),
        ("-S", Search),
        ("--enable --disable --encoding --external-encoding --internal-encoding", Value),
        ("--backtrace-limit --parser --dump", Equals),
        ("--copyright --debug --debug-frozen-string-literal --help --verbose --version --yydebug", Flag),
        ("--enable-* --disable-* --jit* --mjit* --yjit* --rjit* --zjit* --crash-report*", Flag),
    ],
    operand: File,
    habits: &[Clusters],
};

/// php(1), of the program for the command line.
static PHP: Grammar = Grammar {
    options: &[
        ("-a --interactive", Interactive),
        ("-C --no-chdir -e --profile-info -h -? --help --usage -H --hide-args -i --info", Flag),
        (
            "-l --syntax-check -m --modules -n --no-php-ini -q --no-header -s --syntax-highlight --syntax-highlighting",
            Flag,
        ),
        ("-v --version -w --strip --ini", Flag),
        ("-c --php-ini -d --define -T --timing --repeat -z --zend-extension", Value),
        ("-f --file -F --process-file", Script),
        ("-r --run", Text("-r")),
        ("-B --process-begin", Text("-B")),
        ("-R --process-code", Text("-R")),
        ("-E --process-end", Text("-E")),
        (
            "-S --server -t --docroot --rf --rfunction --rc --rclass --re --rextension --rz --rzendextension --ri",
            Opaque,
        ),
    ],
    operand: File,
    habits: &[Clusters, DashesInput],
};

/// lua(1).
static LUA: Grammar = Grammar {
    options: &[("-i", Interactive), ("-v -E -W", Flag), ("-l", Value), ("-e", Text("-e"))],
    operand: File,
    habits: &[Clusters],
};

/// luajit(1).
static LUAJIT: Grammar = Grammar {
    options: &[
        ("-i", Interactive),
        ("-v -E", Flag),
        ("-O", Attached),
        ("-l -j", Value),
        ("-e", Text("-e")),
        ("-b", Opaque),
    ],
    operand: File,
    habits: &[Clusters],
};

/// java(1). An argument that begins with `@` is a file with further arguments.
static JAVA: Grammar = Grammar {
    options: &[
        ("-jar", LastScript),
        ("-m --module", Module("-m")),
        (
            "-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --add-reads --add-exports \
             --add-opens --limit-modules --patch-module --enable-native-access",
            Value,
        ),
        ("--finalization --sun-misc-unsafe-memory-access --illegal-native-access", Equals),
        ("--source -d --describe-module --list-modules --validate-modules", Opaque),
        (
            "-server -client -zero -dcevm -minimal -version --version -showversion --show-version --dry-run \
             --show-module-resolution -? -h -help --help -X --help-extra -esa -enablesystemassertions -dsa \
             -disablesystemassertions -disable-@files --disable-@files --enable-preview --illegal-access* -ea* -da* \
             -enableassertions* -disableassertions* -verbose* -agentlib:* -agentpath:* -javaagent:* -splash:* -D* -X* -J*",
            Attached,
        ),
    ],
    operand: Class,
    habits: &[ArgumentFiles],
};

/// Rscript(1).
static RSCRIPT: Grammar = Grammar {
    options: &[
        ("-e", Text("-e")),
        ("--help --version --verbose --save --vanilla --restore --slave --echo --quiet --silent", Attached),
        ("--no-*", Attached),
        // R takes the script for the value of those without one.
        ("--default-packages --encoding --arch --max-ppsize --min-nsize --min-vsize --max-connections", Equals),
    ],
    operand: File,
    habits: &[],
};

/// R(1), both its front end and the program behind it. Operands mean nothing to it.
static R: Grammar = Grammar {
    options: &[
        ("-f", Script),
        ("--file", EqualsScript),
        ("-e", Text("-e")),
        ("--args", End),
        ("-d --debugger --debugger-args", OpaqueValue),
        ("-g --gui --encoding --arch --max-ppsize --min-nsize --min-vsize --max-connections", Equals),
        ("--interactive", Interactive),
        (
            "-h --help --version --save --no-* --restore --restore-* --vanilla -q --quiet --silent -s --slave \
             --verbose --args-verbose",
            Attached,
        ),
    ],
    operand: Ignored,
    habits: &[],
};

/// `julia --help-hidden`.
static JULIA: Grammar = Grammar {
    options: &[
        ("-e --eval", Text("-e")),
        ("-E --print", Text("-E")),
        ("-m --module", Module("-m")),
        (
            "-L --load -J --sysimage -H --home -C --cpu-target -p --procs -t --threads --machine-file --startup-file \
             --handle-signals --compiled-modules --pkgimages --banner --color --history-file --depwarn --warn-overwrite \
             --compile --check-bounds --math-mode --inline --gcthreads --heap-size-hint",
            Value,
        ),
        (
            "--sysimage-native-code --warn-scope --polly --hard-heap-limit --heap-target-increment --trim \
             --experimental-features --strip-metadata --bug-report --trace-compile --trace-dispatch --output-o --cov-start",
            Equals,
        ),
        ("--project -O --optimize --min-optlevel -g --debug-info --code-coverage --track-allocation", Attached),
        (
            "--lisp --worker --bind-to --output-ji --output-bc --output-asm --output-unopt-bc --output-incremental",
            Opaque,
        ),
        ("-i --interactive", Interactive),
        ("-q --quiet -v --version -h --help --help-hidden --experimental --rr-detach", Flag),
        ("--trace-compile-timing --strip-ir", Flag),
        ("--trace-eval", Equals),
    ],
    operand: File,
    habits: &[Clusters, Abbreviated],
};

/// tclsh(1), `Tcl_MainEx`.
static TCLSH: Grammar = Grammar { options: &[("-encoding", Value)], operand: File, habits: &[LeadingOption] };

/// expect(1).
static EXPECT: Grammar = Grammar {
    options: &[("-b -d -n -N -v", Flag), ("-i", Interactive), ("-D", OpaqueValue), ("-c", Text("-c")), ("-f", Script)],
    operand: File,
    habits: &[Clusters],
};

/// gawk(1).
static GAWK: Grammar = Grammar {
    options: &[
        ("-f --file", Script),
        ("-E --exec", LastScript),
        ("-e --source", Text("-e")),
        ("-F --field-separator -v --assign -i --include -l --load", Value),
        ("-D --debug", Opaque),
        ("-d --dump-variables -L --lint -o --pretty-print -p --profile", Attached),
        ("-b --characters-as-bytes -c --traditional -C --copyright -g --gen-pot -h --help -I --trace -k --csv", Flag),
        ("-M --bignum -n --non-decimal-data -N --use-lc-numeric -O --optimize -P --posix -r --re-interval", Flag),
        ("-s --no-optimize -S --sandbox -t --lint-old -V --version", Flag),
        ("-W", Opaque),
    ],
    operand: Operand::Text("-e"),
    habits: &[Clusters, Abbreviated, Searches],
};

/// mawk(1), and the awk of its author's.
static MAWK: Grammar = Grammar {
    options: &[("-f", Script), ("-F -v", Value), ("-e", Text("-e")), ("-W", Opaque), ("--version -V", Flag)],
    operand: Operand::Text("-e"),
    habits: &[Clusters],
};

/// about_Pwsh of PowerShell's documentation. What follows `-Command` is all one text.
static PWSH: Grammar = Grammar {
    options: &[
        ("-c -command -commandwithargs -cwa", AllText("-Command")),
        ("-e -ec -en -enc -encodedcommand", Text("-EncodedCommand")),
        ("-f -file", LastScript),
        (
            "-ep -ex -exec -executionpolicy -o -of -outputformat -inp -if -inputformat -w -windowstyle -custompipename -config \
             -configurationname -configurationfile -settings -settingsfile -encodedarguments -ea",
            Value,
        ),
        ("-wd -wo -workingdirectory", Directory),
        ("-i -interactive -noe -noexit", Interactive),
        ("-sshs -sshservermode", Opaque),
        ("-l -login -mta -sta -nol -nologo -noni -noninteractive -nop -noprofile", Flag),
        ("-noprofileloadtime -v -version -h -help -?", Flag),
    ],
    operand: File,
    habits: &[Abbreviated, Caseless, OneDash],
};
