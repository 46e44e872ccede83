//! The grammars of languages.

use super::grammar::Habit::{Abbreviated, Caseless, Clusters, DashesInput, OneDash, Underscores};
use super::grammar::Operand::{self, Class, File, Ignored, Subcommands};
use super::grammar::Takes::{
    AllText, Attached, Characters, Directory, End, Flag, LastScript, Module, Opaque, OptionalText, Script, Search,
    Text, Value,
};
use super::grammar::{ANYTHING, Grammar};

/// By the names of the programs without their versions.
pub(super) static ALL: &[(&str, &Grammar)] = &[
    ("python", &PYTHON),
    ("pypy", &PYTHON),
    ("perl", &PERL),
    ("ruby", &RUBY),
    ("php", &PHP),
    ("node", &NODE),
    ("nodejs", &NODE),
    ("deno", &DENO),
    ("bun", &BUN),
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
        ("-b -B -d -E -h -i -I -O -P -q -R -s -S -t -u -v -V -x -3 -? -6 -J", Flag),
        ("-W -X -Q", Value),
        ("-c", Text("-c")),
        ("-m", Module("-m")),
        ("--help --help-all --help-env --help-xoptions --version --info", Flag),
        ("--check-hash-based-pycs --jit", Value),
    ],
    operand: File,
    habits: &[Clusters],
};

/// perlrun(1).
static PERL: Grammar = Grammar {
    options: &[
        ("-a -c -f -g -h -n -p -s -t -T -u -U -v -w -W -X", Flag),
        ("-0", Characters("01234567xX")),
        ("-l", Characters("01234567")),
        ("-C", Characters("0123456789IOEioASDLa")),
        ("-d", Characters("t")),
        ("-V", Characters("")),
        ("-D -F -i -m -M -x", Attached),
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
        ("-0 -T", Characters("01234567")),
        ("-W", Characters("0123456789")),
        ("-K", Characters("aAeEnNsSuU")),
        ("-F -i -x", Attached),
        ("-E -I -r", Value),
        ("-C -X", Directory),
        ("-e", Text("-e")),
        ("-S", Search),
        (
            "--enable --disable --encoding --external-encoding --internal-encoding --backtrace-limit --parser --dump",
            Value,
        ),
        ("--copyright --debug --debug-frozen-string-literal --help --verbose --version --yydebug", Flag),
        ("--enable-* --disable-* --jit* --mjit* --yjit* --rjit* --zjit* --crash-report*", Flag),
    ],
    operand: File,
    habits: &[Clusters],
};

/// php(1), of the program for the command line.
static PHP: Grammar = Grammar {
    options: &[
        ("-a --interactive -C --no-chdir -e --profile-info -h -? --help --usage -H --hide-args -i --info", Flag),
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

/// node(1), `node --help`. Of the options of V8 only those that are common: the rest has no list that lasts.
static NODE: Grammar = Grammar {
    options: &[
        ("-e --eval", Text("-e")),
        ("-pe", Text("-p")),
        ("-p --print", OptionalText("-p")),
        ("-r --require --import --loader --experimental-loader", Value),
        ("-c --check -i --interactive -h --help -v --version --completion-bash --v8-options", Flag),
        (
            "--test --run --prof-process --build-snapshot --build-snapshot-config --snapshot-blob --experimental-sea-config \
             --build-sea --security-revert",
            Opaque,
        ),
        (
            "--allow-fs-read --allow-fs-write -C --conditions --cpu-prof-dir --cpu-prof-interval --cpu-prof-name \
             --diagnostic-dir --disable-proto --disable-warning --dns-result-order --env-file --env-file-if-exists \
             --experimental-default-type --experimental-policy --experimental-specifier-resolution --es-module-specifier-resolution \
             --heap-prof-dir --heap-prof-interval --heap-prof-name --heapsnapshot-near-heap-limit --heapsnapshot-signal \
             --icu-data-dir --input-type --inspect-port --debug-port --inspect-publish-uid --localstorage-file \
             --experimental-config-file --max-http-header-size --network-family-autoselection-attempt-timeout --openssl-config \
             --policy-integrity --redirect-warnings --report-directory --report-dir --report-filename --report-signal \
             --secure-heap --secure-heap-min --stack-trace-limit --test-concurrency --test-isolation --test-name-pattern \
             --test-reporter --test-reporter-destination --test-shard --test-skip-pattern --test-timeout --title \
             --tls-cipher-list --tls-keylog --trace-event-categories --trace-event-file-pattern --trace-require-module \
             --unhandled-rejections --use-largepages --v8-pool-size --watch-path --watch-kill-signal",
            Value,
        ),
        ("--inspect --inspect-brk --inspect-brk-node --inspect-wait", Attached),
        (
            "--abort-on-uncaught-exception --allow-addons --allow-child-process --allow-wasi --allow-worker --allow-net \
             --allow-inspector --async-context-frame --cpu-prof --deprecation --disable-wasm-trap-handler \
             --disallow-code-generation-from-strings --enable-etw-stack-walking --enable-fips \
             --enable-network-family-autoselection --enable-source-maps --entry-url --expose-gc --expose-internals \
             --extra-info-on-fatal-exception --force-async-hooks-checks --force-context-aware --force-fips \
             --force-node-api-uncaught-exceptions-policy --frozen-intrinsics --global-search-paths --heap-prof \
             --insecure-http-parser --node-memory-debug --node-snapshot --addons --openssl-legacy-provider \
             --openssl-shared-config --pending-deprecation --permission --preserve-symlinks --preserve-symlinks-main \
             --report-compact --report-exclude-network --report-exclude-env --report-on-fatalerror --report-on-signal \
             --report-uncaught-exception --test-force-exit --test-only --test-update-snapshots --throw-deprecation \
             --tls-max-v1.2 --tls-max-v1.3 --tls-min-v1.0 --tls-min-v1.1 --tls-min-v1.2 --tls-min-v1.3 \
             --trace-atomics-wait --trace-deprecation --trace-env --trace-env-js-stack --trace-env-native-stack --trace-exit \
             --trace-promises --trace-sigint --trace-sync-io --trace-tls --trace-uncaught --trace-warnings \
             --track-heap-objects --use-bundled-ca --use-openssl-ca --use-system-ca --use-env-proxy --verify-base-objects \
             --warnings --watch --watch-preserve-output --webstorage --zero-fill-buffers --experimental-abortcontroller \
             --experimental-addon-modules --experimental-async-context-frame --experimental-detect-module \
             --experimental-eventsource --experimental-fetch --experimental-global-customevent \
             --experimental-global-navigator --experimental-global-webcrypto --experimental-import-meta-resolve \
             --experimental-inspector-network-resource --experimental-json-modules --experimental-modules \
             --experimental-network-imports --experimental-network-inspection --experimental-permission \
             --experimental-print-required-tla --experimental-repl-await --experimental-report --experimental-require-module \
             --experimental-shadow-realm --experimental-sqlite --experimental-strip-types --experimental-test-coverage \
             --experimental-test-isolation --experimental-test-module-mocks --experimental-test-snapshots \
             --experimental-top-level-await --experimental-transform-types --experimental-vm-modules \
             --experimental-wasi-unstable-preview1 --experimental-wasm-modules --experimental-websocket \
             --experimental-webstorage --experimental-worker --experimental-default-config-file --strip-types",
            Flag,
        ),
        (
            "--allow-natives-syntax --gc-interval --harmony* --huge-max-old-generation-size --interpreted-frames-native-stack \
             --jitless --max-heap-size --max-lazy --max-old-space-size --max-old-space-size-percentage --max-semi-space-size \
             --min-semi-space-size --optimize-for-size --perf-basic-prof --perf-basic-prof-only-functions --perf-prof --prof \
             --initial-old-space-size --single-threaded --stack-size --trace-gc --trace-opt --trace-deopt --use-strict \
             --initial-heap-size --concurrent-recompilation --opt --turbo-filter",
            Attached,
        ),
    ],
    operand: Subcommands(&[("inspect", Operand::Opaque), ("debug", Operand::Opaque), (ANYTHING, File)]),
    habits: &[Underscores],
};

/// `deno run --help=full`, `deno eval --help`.
static DENO: Grammar = Grammar {
    options: &[
        (
            "--allow-* -A -R -W -I -N -E -S -P --permission-set --deny-* --ignore-* --check --no-check --watch --hmr \
             --watch-hmr --watch-exclude --env-file --env --coverage --node-modules-dir --vendor -r --reload --frozen \
             --frozen-lockfile --lock-write --unsafely-ignore-certificate-errors --inspect --inspect-brk --inspect-wait \
             --v8-flags --strace-ops -h --help --open-site",
            Attached,
        ),
        (
            "--ext -c --config --import-map --lock --cert --min-dep-age --minimum-dependency-age --inspect-publish-uid \
             --location --seed --preload --require --import --conditions -L --log-level --port --host --node-modules-linker",
            Value,
        ),
        (
            "--no-prompt --no-clear-screen --no-code-cache --use-env-proxy --no-remote --no-npm --no-config --no-lock \
             --cached-only --no-self-update-check --unstable* -q --quiet -V --version -p --print -T --ts --parallel --tunnel \
             --enable-testing-features-do-not-use",
            Flag,
        ),
        ("--eval", Text("--eval")),
        ("--eval-file", Opaque),
    ],
    operand: Subcommands(&[
        ("run", File),
        ("watch", File),
        ("serve", File),
        ("eval", Operand::Text("eval")),
        ("repl", Operand::Opaque),
    ]),
    habits: &[Clusters],
};

/// `bun --help`.
static BUN: Grammar = Grammar {
    options: &[
        ("-e --eval", Text("-e")),
        ("-p --print", Text("-p")),
        ("--cwd", Directory),
        (
            "--elide-lines --shell --watch-kill-signal -r --preload --require --import --cpu-prof-name --cpu-prof-dir \
             --cpu-prof-interval --heap-prof-name --heap-prof-dir --heap-prof-interval --install --port --conditions \
             --fetch-preconnect --max-http-header-size --dns-result-order --redirect-warnings --disable-warning --title \
             --unhandled-rejections --console-depth --user-agent --cron-title --cron-period --main-fields --extension-order \
             --tsconfig-override -d --define --drop --feature -l --loader --jsx-factory --jsx-fragment --jsx-import-source \
             --jsx-runtime --env-file",
            Value,
        ),
        ("-c --config --inspect --inspect-wait --inspect-brk", Attached),
        (
            "--silent -v --version --revision -b --bun --no-orphans --no-exit-on-error --watch --hot --no-clear-screen \
             --check --smol --interactive --cpu-prof --cpu-prof-md --heap-prof --heap-prof-md --if-present --no-install -i \
             --prefer-offline --prefer-latest --experimental-http2-fetch --experimental-http3-fetch --insecure-http-parser \
             --experimental-stream-iter --expose-gc --no-deprecation --throw-deprecation --no-warnings --trace-warnings \
             --trace-deprecation --pending-deprecation --zero-fill-buffers --use-system-ca --use-openssl-ca --use-bundled-ca \
             --tls-min-v1.0 --tls-min-v1.1 --tls-min-v1.2 --tls-min-v1.3 --tls-max-v1.2 --tls-max-v1.3 --redis-preconnect \
             --sql-preconnect --no-addons --no-ffi-cc --preserve-symlinks --preserve-symlinks-main --no-macros \
             --jsx-side-effects --ignore-dce-annotations --no-env-file -h --help",
            Flag,
        ),
        ("-F --filter --workspaces --parallel --sequential", Opaque),
    ],
    operand: Subcommands(&[("run", Subcommands(&[])), ("exec", Operand::Text("exec"))]),
    habits: &[Clusters],
};

/// lua(1).
static LUA: Grammar = Grammar {
    options: &[("-i -v -E -W", Flag), ("-l", Value), ("-e", Text("-e"))],
    operand: File,
    habits: &[Clusters],
};

/// luajit(1).
static LUAJIT: Grammar = Grammar {
    options: &[("-i -v -E", Flag), ("-O", Attached), ("-l -j", Value), ("-e", Text("-e")), ("-b", Opaque)],
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
             --add-opens --limit-modules --patch-module --enable-native-access --finalization --sun-misc-unsafe-memory-access \
             --illegal-native-access",
            Value,
        ),
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
    habits: &[],
};

/// Rscript(1).
static RSCRIPT: Grammar = Grammar {
    options: &[
        ("-e", Text("-e")),
        (
            "--help --version --verbose --default-packages --save --vanilla --restore --slave --echo --quiet --silent",
            Attached,
        ),
        ("--no-* --encoding --arch --max-ppsize --min-nsize --min-vsize --max-connections", Attached),
    ],
    operand: File,
    habits: &[],
};

/// R(1), both its front end and the program behind it. Operands mean nothing to it.
static R: Grammar = Grammar {
    options: &[
        ("-f --file", Script),
        ("-e", Text("-e")),
        ("--args", End),
        ("-g --gui -d --debugger --debugger-args --encoding", Value),
        (
            "-h --help --version --save --no-* --restore --restore-* --vanilla -q --quiet --silent -s --slave --interactive \
             --verbose --arch --max-ppsize --min-nsize --min-vsize --max-connections --args-verbose",
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
             --handle-signals --sysimage-native-code --compiled-modules --pkgimages --banner --color --history-file --depwarn \
             --warn-overwrite --warn-scope --compile --check-bounds --math-mode --inline --polly --gcthreads \
             --heap-size-hint --hard-heap-limit --heap-target-increment --trim --experimental-features \
             --strip-metadata --bug-report --trace-compile --trace-dispatch --output-o --cov-start",
            Value,
        ),
        ("--project -O --optimize --min-optlevel -g --debug-info --code-coverage --track-allocation", Attached),
        ("--worker --bind-to --output-ji --output-bc --output-asm --output-unopt-bc --output-incremental", Opaque),
        ("-i --interactive -q --quiet -v --version -h --help --help-hidden --lisp --experimental --rr-detach", Flag),
        ("--trace-compile-timing --trace-eval --strip-ir", Flag),
    ],
    operand: File,
    habits: &[Clusters, Abbreviated],
};

/// tclsh(1).
static TCLSH: Grammar = Grammar { options: &[("-encoding", Value)], operand: File, habits: &[] };

/// expect(1).
static EXPECT: Grammar = Grammar {
    options: &[("-b -d -i -n -N -v", Flag), ("-D", Value), ("-c", Text("-c")), ("-f", Script)],
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
        ("-d --dump-variables -D --debug -L --lint -o --pretty-print -p --profile", Attached),
        ("-b --characters-as-bytes -c --traditional -C --copyright -g --gen-pot -h --help -I --trace -k --csv", Flag),
        ("-M --bignum -n --non-decimal-data -N --use-lc-numeric -O --optimize -P --posix -r --re-interval", Flag),
        ("-s --no-optimize -S --sandbox -t --lint-old -V --version", Flag),
        ("-W", Opaque),
    ],
    operand: Operand::Text("-e"),
    habits: &[Clusters, Abbreviated],
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
        ("-l -login -i -interactive -mta -sta -noe -noexit -nol -nologo -noni -noninteractive -nop -noprofile", Flag),
        ("-noprofileloadtime -v -version -h -help -? -sshs -sshservermode", Flag),
    ],
    operand: File,
    habits: &[Abbreviated, Caseless, OneDash],
};
