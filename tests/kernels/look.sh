# Has egret look at traffic of every kind on the kernel of this machine. What it leaves are files: a machine's console has no
# standard error of its own. The variables OUT, EGRET_BIN, EGRET_TRAFFIC, TESTS, LAYOUT, LAYER, FULL, PACKAGES
# come from whoever starts it.
cd "$OUT" || exit 1
mount -t tracefs tracefs /sys/kernel/tracing 2> /dev/null
mount -t tmpfs tmpfs /run 2> /dev/null
if [ -n "$LAYOUT" ]; then
    umount -R /sys/fs/cgroup
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd && mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    for controller in cpu,cpuacct memory pids devices net_cls,net_prio; do
        mkdir "/sys/fs/cgroup/$controller" && mount -t cgroup -o $controller cgroup "/sys/fs/cgroup/$controller"
    done
    if [ "$LAYOUT" = -hybrid ]; then
        mkdir /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
    fi
    cat /proc/self/mounts > mounts
fi
ip link set lo up
sysctl -qw net.ipv4.ping_group_range="0 2147483647"
uname -r > release
cat /proc/sys/kernel/tainted > tainted-before
python3 "$TESTS/peers.py" > peers.log 2>&1 &
echo "nameserver 127.0.0.1" > resolv.conf
mount --bind resolv.conf /etc/resolv.conf

until_there() { for _ in $(seq 120); do "$@" && return; sleep 1; done; return 1; }
is_served() { curl -s --noproxy '*' -o /dev/null http://127.0.0.1:8080/; }
until_there is_served
if [ -n "$PACKAGES" ]; then
    sh "$TESTS/others.sh"
    echo yes > finished
    exit
fi
# Older than egret.
bash -c 'exec 3<> /dev/tcp/127.0.0.1/8080; while [ ! -e seen ]; do sleep 0.2; done; printf "GET / HTTP/1.0\r\n\r\n" >&3; cat <&3' > preexisting &
PREEXISTING=$!

EGRET_LOG=info "$EGRET_BIN" trace --capture "$LAYER" --format json > trace.json 2> trace.err &
TRACE=$!
until_there grep -q "capture started" trace.err
number=0
while read -r words; do
    # shellcheck disable=SC2086
    timeout 300 "$EGRET_TRAFFIC" $words > "traffic-$number" 2> "traffic-$number.err" < /dev/null
    number=$((number + 1))
done < ways
curl -s --noproxy '*' -o /dev/null http://shop.example:8080/
sleep 1
touch seen
wait $PREEXISTING
sleep 1
kill -INT $TRACE
wait $TRACE
"$EGRET_BIN" doctor --json > doctor.json 2> doctor.err

if [ -n "$FULL" ]; then
    . "$TESTS/daemon.sh"
    for firewall in nftables iptables; do sh "$TESTS/walk.sh" $firewall; done
fi
cat /proc/sys/kernel/tainted > tainted-after
dmesg > dmesg.txt
echo yes > finished
