# The way from learning to enforcing, and what others do meanwhile, with one firewall: nftables or iptables. The machine's own
# network is nobody else's.
BACKEND=$1
HERE=$OUT/$BACKEND
. "$TESTS/firewall.sh"

foreign() {
    if [ "$BACKEND" = nftables ]; then
        nft -f - <<END
table inet others {
    set known { type ipv4_addr; elements = { 10.1.2.3, 10.1.2.4 } }
    chain output { type filter hook output priority 10; policy accept; tcp dport 9 accept; ip daddr @known drop; }
}
END
    else
        iptables -w -t mangle -A OUTPUT -p tcp --dport 9 -j ACCEPT
        iptables -w -A OUTPUT -d 10.1.2.3 -j DROP
    fi
}
is_put_back() { is_installed && "$EGRET_BIN" status 2>> modes.log | grep -q 'put back: [1-9]'; }
flush() { if [ "$BACKEND" = nftables ]; then nft flush ruleset; foreign; else iptables -w -t mangle -F; iptables -w -t mangle -A OUTPUT -p tcp --dport 9 -j ACCEPT; fi; }

foreign
rules > before
start open
fetch "$ALLOWED" > /dev/null
settle learned > /dev/null
fact learned yes "$(learned && echo yes)"
mode learn
fact learn "learn $BACKEND passed" "$(in_force) $(fetch "$ALLOWED")"
fact installs yes "$(is_installed && echo yes)"
mode shadow
fact shadow "shadow $BACKEND passed" "$(in_force) $(fetch "$UNKNOWN")"
mode enforce
fact enforce "enforce $BACKEND passed refused" "$(in_force) $(fetch "$ALLOWED") $(fetch "$UNKNOWN")"
flush
back=$(settle is_put_back)
fact flush "enforce $BACKEND passed refused" "$(in_force) $(fetch "$ALLOWED") $(fetch "$UNKNOWN")"
fact put_back yes "$([ "$back" = never ] || echo yes)"
echo "$BACKEND.flush_seconds $back" >> "$OUT/figures"
mode observe
rules > after
fact observe observe "$(in_force)"
fact foreign same "$(cmp -s before after && echo same || diff before after | tr '\n' ' ')"
mode enforce
fact again "enforce $BACKEND refused" "$(in_force) $(fetch "$UNKNOWN")"
kill -9 $DAEMON; wait $DAEMON 2> /dev/null
fact killed_open "yes passed" "$(is_installed && echo yes) $(fetch "$UNKNOWN")"
"$EGRET_BIN" firewall remove >> modes.log 2>&1
start closed
settle has_mode enforce > /dev/null
is_in_force() { [ "$(in_force)" = "enforce $BACKEND" ]; }
settle is_in_force > /dev/null
# Nothing passes whose owner is not known in time, which a slow machine can need more than one try for.
passes() { [ "$(fetch "$ALLOWED")" = passed ]; }
settle passes > /dev/null
fact restarted "enforce $BACKEND passed refused" "$(in_force) $(fetch "$ALLOWED") $(fetch "$UNKNOWN")"
kill -9 $DAEMON; wait $DAEMON 2> /dev/null
fact killed_closed silence "$(fetch "$ALLOWED")"
"$EGRET_BIN" firewall remove >> modes.log 2>&1
rules > removed
fact remove "passed same" "$(fetch "$UNKNOWN") $(cmp -s before removed && echo same || diff before removed | tr '\n' ' ')"
if [ "$BACKEND" = nftables ]; then nft flush ruleset; else iptables -w -F; iptables -w -t mangle -F; fi
