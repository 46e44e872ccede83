# The daemon, with its log and metrics.
cat > daemon.toml <<END
[parquet]
destination = "$OUT/log"
rotate_after = "1s"
[metrics]
listen = "127.0.0.1:9464"
[baseline]
file = "$OUT/baseline"
[enforce]
state = "$OUT/mode.json"
[names]
file = "$OUT/names"
[control]
socket = "/run/egret-look.sock"
END
"$EGRET_BIN" run --config daemon.toml > daemon.log 2>&1 &
DAEMON=$!
export EGRET_CONTROL_SOCKET=/run/egret-look.sock
# It has a status before its hooks are attached, but no mode.
has_mode() { "$EGRET_BIN" mode > /dev/null 2>&1 || ! kill -0 $DAEMON; }
has_metrics() { curl -s --noproxy '*' http://127.0.0.1:9464/metrics > metrics; grep -q '^egret_connections_.*egret-traffic' metrics; }
until_there has_mode
timeout 60 "$EGRET_TRAFFIC" tcp-blocking --bytes 12345 > daemon-traffic
until_there has_metrics && echo "daemon.metrics yes" >> facts
kill -TERM $DAEMON
wait $DAEMON && echo "daemon.stops yes" >> facts
"$EGRET_BIN" log --dir log 2> log.err | grep -q egret-traffic && echo "daemon.parquet yes" >> facts
