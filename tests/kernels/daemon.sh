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
has_status() { EGRET_CONTROL_SOCKET=/run/egret-look.sock "$EGRET_BIN" status > status 2> /dev/null; }
for _ in $(seq 60); do has_status && break; kill -0 $DAEMON || break; sleep 1; done
timeout 60 "$EGRET_TRAFFIC" tcp-blocking --bytes 12345 > daemon-traffic
sleep 3
curl -s --noproxy '*' http://127.0.0.1:9464/metrics > metrics
kill -TERM $DAEMON
wait $DAEMON && echo "daemon.stops yes" >> facts
grep -q '^egret_connections_.*egret-traffic' metrics && echo "daemon.metrics yes" >> facts
"$EGRET_BIN" log --dir log 2> log.err | grep -q egret-traffic && echo "daemon.parquet yes" >> facts
