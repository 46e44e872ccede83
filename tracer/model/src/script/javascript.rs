//! The grammars of JavaScript's runtimes.

use super::grammar::Habit::{Clusters, Underscores};
use super::grammar::Operand::{self, File, Subcommands};
use super::grammar::Takes::{Attached, Directory, Equals, Flag, Interactive, Opaque, OptionalText, Text, Value};
use super::grammar::{ANYTHING, Grammar};

/// node(1), `node --help`. Of the options of V8 only those that are common: the rest has no list that lasts.
pub(super) static NODE: Grammar = Grammar {
    options: &[
        ("-e --eval", Text("-e")),
        ("-pe", Text("-p")),
        ("-p --print", OptionalText("-p")),
        ("-r --require --import --loader --experimental-loader", Value),
        ("-i --interactive", Interactive),
        ("-c --check -h --help -v --version --completion-bash --v8-options", Flag),
        (
            "--test --run --prof-process --build-snapshot --build-snapshot-config --snapshot-blob --experimental-sea-config \
             --build-sea --security-revert",
            Opaque,
        ),
        (
            "-C --conditions --cpu-prof-dir --cpu-prof-interval --cpu-prof-name --diagnostic-dir --disable-proto \
             --disable-warning --dns-result-order --env-file --env-file-if-exists --heap-prof-dir --heap-prof-interval \
             --heap-prof-name --heapsnapshot-signal --icu-data-dir --input-type --inspect-port --debug-port \
             --inspect-publish-uid --max-http-header-size --redirect-warnings --report-directory --report-dir \
             --report-filename --report-signal --secure-heap --secure-heap-min --stack-trace-limit --title --tls-cipher-list \
             --tls-keylog --trace-event-categories --trace-event-file-pattern --unhandled-rejections --use-largepages \
             --v8-pool-size",
            Value,
        ),
        // The next argument is their value in some versions and the script in others.
        (
            "--allow-fs-read --allow-fs-write --experimental-default-type --experimental-policy \
             --experimental-specifier-resolution --es-module-specifier-resolution --experimental-test-isolation \
             --heapsnapshot-near-heap-limit --localstorage-file --experimental-config-file \
             --network-family-autoselection-attempt-timeout --openssl-config --policy-integrity --test-concurrency \
             --test-isolation --test-name-pattern --test-reporter --test-reporter-destination --test-shard \
             --test-skip-pattern --test-timeout --trace-require-module --watch-path --watch-kill-signal",
            Equals,
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
             --experimental-test-module-mocks --experimental-test-snapshots \
             --experimental-top-level-await --experimental-transform-types --experimental-vm-modules \
             --experimental-wasi-unstable-preview1 --experimental-wasm-modules --experimental-websocket \
             --experimental-webstorage --experimental-worker --experimental-default-config-file --strip-types",
            Flag,
        ),
        (
            "--gc-interval --huge-max-old-generation-size --max-heap-size --max-lazy --max-old-space-size \
             --max-old-space-size-percentage --max-semi-space-size --min-semi-space-size --initial-old-space-size \
             --initial-heap-size --stack-size",
            Equals,
        ),
        (
            "--allow-natives-syntax --harmony* --interpreted-frames-native-stack --jitless --optimize-for-size \
             --perf-basic-prof --perf-basic-prof-only-functions --perf-prof --prof --single-threaded --trace-gc --trace-opt \
             --trace-deopt --use-strict --concurrent-recompilation --opt --turbo-filter",
            Attached,
        ),
    ],
    operand: Subcommands(&[("inspect", Operand::Opaque), ("debug", Operand::Opaque), (ANYTHING, File)]),
    habits: &[Underscores],
};

/// `deno run --help=full`, `deno eval --help`.
pub(super) static DENO: Grammar = Grammar {
    options: &[
        (
            "--allow-* -A -R -W -I -N -E -S -P --permission-set --deny-* --ignore-* --check --no-check --watch --hmr \
             --watch-hmr --watch-exclude --env-file --env --coverage --node-modules-dir --vendor -r --reload --frozen \
             --frozen-lockfile --lock-write --unsafely-ignore-certificate-errors --inspect --inspect-brk --inspect-wait \
             --v8-flags --strace-ops -h --help --open-site",
            Attached,
        ),
        (
            "--ext -c --config --import-map --cert --min-dep-age --minimum-dependency-age --inspect-publish-uid \
             --location --seed --preload --require --import --conditions -L --log-level --port --host --node-modules-linker",
            Value,
        ),
        (
            "--no-prompt --no-clear-screen --no-code-cache --use-env-proxy --no-remote --no-npm --no-config --no-lock \
             --cached-only --no-self-update-check --unstable* -q --quiet -V --version -p --print -T --ts --parallel --tunnel \
             --enable-testing-features-do-not-use",
            Flag,
        ),
        ("--lock", Equals),
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
pub(super) static BUN: Grammar = Grammar {
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
        ("-c --config", Equals),
        ("--inspect --inspect-wait --inspect-brk", Attached),
        ("--interactive", Interactive),
        (
            "--silent -v --version --revision -b --bun --no-orphans --no-exit-on-error --watch --hot --no-clear-screen \
             --check --smol --cpu-prof --cpu-prof-md --heap-prof --heap-prof-md --if-present --no-install -i \
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
