# What the walks have in common: BACKEND is the firewall, nftables or iptables, and HERE the directory of what is left. Each line of
# `facts` is a name, and `yes` or what was seen instead.
ALLOWED=$HERE/allowed UNKNOWN=$HERE/unknown
mkdir -p "$HERE" && cd "$HERE" || exit 1
NAME=$(basename "$HERE")
export EGRET_CONTROL_SOCKET=/run/egret-$NAME.sock

fact() { # NAME EXPECTED SEEN
    if [ "$2" = "$3" ]; then
        echo "$NAME.$1 yes" >> "$OUT/facts"
    else
        echo "$NAME.$1 no: $3 instead of $2" >> "$OUT/facts"
        # For whoever wants to know why.
        { "$EGRET_BIN" status; rules; } > "failed-$1" 2>&1
    fi
}
fetch() {
    "$1" --silent --noproxy '*' --connect-timeout 30 --max-time 120 --output /dev/null "http://127.0.0.1:8080/"
    case $? in 0) echo passed;; 7) echo refused;; 28) echo silence;; *) echo "error $?";; esac
}
rules() {
    if [ "$BACKEND" = nftables ]; then nft list ruleset; else iptables-save | sed -e '/^#/d' -e 's/ \[.*//'; fi
}
is_installed() { rules | grep -qiE 'queue'; }
settle() { # COMMAND: seconds until it succeeds, or "never"
    for second in $(seq 0 30); do "$@" && { echo "$second"; return; }; sleep 1; done
    echo never
}
has_mode() { "$EGRET_BIN" mode 2> /dev/null | grep -q "^$1"; }
start() { # ON_FAILURE
    cat > egret.toml <<END
[parquet]
destination = "$HERE/log"
[baseline]
file = "$HERE/baseline"
save_every = "1s"
[enforce]
state = "$HERE/mode.json"
backend = "$BACKEND"
loopback = "judge"
on_failure = "$1"
[names]
file = "$HERE/names"
[fallback]
enabled = false
[ask]
enabled = false
[capture]
hash = false
[control]
socket = "$EGRET_CONTROL_SOCKET"
END
    "$EGRET_BIN" run --config egret.toml >> daemon.log 2>&1 &
    DAEMON=$!
    settle has_mode "" > /dev/null
    kill -0 $DAEMON || fact starts yes no
}
mode() { "$EGRET_BIN" mode "$@" >> modes.log 2>&1; }
# The mode that egret says it is in, and the tool whose rules it says are there.
in_force() {
    "$EGRET_BIN" status > status 2>> modes.log
    echo $(sed -n -e 's/^mode *\([a-z]*\) .*/\1/p' -e 's/^firewall *\([a-z]*\).*/\1/p' status)
}
put_back() { "$EGRET_BIN" status 2>> modes.log | sed -n 's/.*put back: \([0-9]*\)$/\1/p'; }
learned() { grep -q "exe=$ALLOWED" baseline; }

cp "$(readlink -f "$(command -v curl)")" allowed && cp allowed unknown
