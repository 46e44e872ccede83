#!/bin/busybox sh
# The first process of a machine with another processor, which has nothing but busybox and what is tried. Everything that it leaves
# goes to the console, each file behind a line with its name.
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /etc /root
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec < /dev/console > /dev/console 2>&1
export PATH=/bin:/sbin HOME=/root
/bin/busybox --install -s /bin
mkdir -p /sbin && ln -s /bin/busybox /sbin/modprobe
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo "root:x:0:0:root:/root:/bin/sh" > /etc/passwd
echo "127.0.0.1 localhost" > /etc/hosts
ip link set lo up
echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range

mkdir /out && cd /out
uname -r > release
cat /proc/sys/kernel/tainted > tainted-before
EGRET_LOG=info /egret trace --capture sockets --format json > trace.json 2> trace.err &
TRACE=$!
until grep -q "capture started" trace.err; do
    kill -0 $TRACE || break
    sleep 1
done
number=0
while read -r words; do
    timeout 60 /egret-traffic $words > "traffic-$number" 2> "traffic-$number.err" < /dev/null
    number=$((number + 1))
done < /ways
sleep 1
kill -INT $TRACE
wait $TRACE
/egret doctor --json > doctor.json 2> doctor.err
cat /proc/sys/kernel/tainted > tainted-after
dmesg > dmesg.txt
echo yes > finished
for file in *; do
    echo "=== $file"
    cat "$file"
done
echo "=== "
poweroff -f
