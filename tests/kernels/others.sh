# Firewalls that people have, beside egret with nftables: each starts, reloads and ends while egret enforces. Their packages are
# unpacked into this machine's file system, which forgets them.
BACKEND=nftables HERE=$OUT/others
. "$TESTS/firewall.sh"
# What is there stays as it is: the host's own directories cannot be changed, and some of them are links.
for package in "$PACKAGES"/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar --extract --directory / --keep-directory-symlink --no-overwrite-dir 2>> packages.log
done
# What their installation would copy and link.
cp /usr/share/ufw/ufw.conf /usr/share/ufw/iptables/*.rules /etc/ufw/
ln -s org.fedoraproject.FirewallD1.server.policy.choice /usr/share/polkit-1/actions/org.fedoraproject.FirewallD1.policy
mkdir -p /run/dbus && dbus-daemon --system --fork 2>> packages.log

# Egret's rules are there, or are again, and it enforces; what the other has put there is still there.
check() { # NAME PATTERN
    settle is_installed > /dev/null
    there=$(nft list ruleset 2>> packages.log | grep -qE "$2" && echo there)
    fact "$1" "there enforce nftables passed refused" "$there $(in_force) $(fetch "$ALLOWED") $(fetch "$UNKNOWN")"
}
# Longer than egret is waited for, as these start slowly on a slow machine, unless the process ends.
started() { # PID COMMAND
    other=$1
    shift
    for _ in $(seq 120); do
        "$@" && return
        kill -0 "$other" 2> /dev/null || return
        sleep 1
    done
}
# The other's rules as they would be without egret: nothing of them went, nothing came.
same() { # NAME
    nft list ruleset | sed -e '/^table inet egret {/,/^}/d' -e 's/packets [0-9]* bytes [0-9]*//' > "$1.with"
    mode observe
    nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//' > "$1.without"
    fact "$1_same" same "$(cmp -s "$1.with" "$1.without" && echo same || diff "$1.with" "$1.without" | tr '\n' ' ')"
    mode enforce
}

start open
fetch "$ALLOWED" > /dev/null
settle learned > /dev/null
mode enforce
check alone 'table inet egret'

# As /etc/nftables.conf of Debian is, and `systemctl reload nftables` reads it.
cat > nftables.conf <<END
flush ruleset
table inet filter {
    chain input { type filter hook input priority filter; policy accept; ct state established,related accept; }
    chain output { type filter hook output priority filter; policy accept; tcp dport 9 counter drop; }
}
END
before=$(put_back)
nft -f nftables.conf
is_again() { [ "$(put_back)" -gt "${before:-0}" ]; }
fact reload_noticed yes "$([ "$(settle is_again)" = never ] || echo yes)"
check reload 'dport 9'
nft -f nftables.conf
settle is_installed > /dev/null
same reload
nft flush ruleset

ufw --force enable >> ufw.log 2>&1
ufw default deny outgoing >> ufw.log 2>&1
ufw allow out 8080/tcp >> ufw.log 2>&1
check ufw 'ufw-user-output'
ufw reload >> ufw.log 2>&1
check ufw_reload 'ufw-user-output'
same ufw
ufw --force disable >> ufw.log 2>&1
nft flush ruleset

firewalld --nofork --nopid > firewalld.log 2>&1 &
FIREWALLD=$!
# Its first rules are cheaper to ask for than its state, which takes a Python of its own.
has_table() { nft list tables | grep -q 'inet firewalld'; }
is_running() { firewall-cmd --state > /dev/null 2>> firewalld.log; }
started $FIREWALLD has_table
started $FIREWALLD is_running
check firewalld 'table inet firewalld'
firewall-cmd --complete-reload >> firewalld.log 2>&1
started $FIREWALLD is_running
check firewalld_reload 'table inet firewalld'
same firewalld
kill $FIREWALLD
wait $FIREWALLD
nft flush ruleset

containerd > containerd.log 2>&1 &
CONTAINERD=$!
dockerd --containerd /run/containerd/containerd.sock --storage-driver vfs > dockerd.log 2>&1 &
DOCKERD=$!
# Its rules come one by one, and are all there when it listens.
is_listening() { grep -q 'API listen on' dockerd.log; }
started $DOCKERD is_listening
check docker 'chain DOCKER-USER'
same docker
nft flush ruleset
kill $DOCKERD $CONTAINERD

mode observe
kill -TERM $DAEMON
wait $DAEMON
