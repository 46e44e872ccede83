# What docs/pictures/trace.svg shows: a script that downloads, sends a datagram, is refused and uploads, traced.
#
# scene.sh DIRECTORY EGRET COLUMNS, with a terminal, in a network and a mount namespace of its own. Nothing leaves the host: the
# addresses are those for documentation (RFC 5737), on the loopback of the namespace.
set -eu
directory=$1 egret=$2
stty cols "$3" rows 40 </dev/tty

printf '127.0.0.1 localhost\n192.0.2.10 api.example.com\n192.0.2.20 logs.example.com\n192.0.2.30 paste.example.net\n' >"$directory/hosts"
mount --bind "$directory/hosts" /etc/hosts
ip link set lo up
for last in 10 20 30; do
    ip address add "192.0.2.$last/32" dev lo
done

cat >"$directory/server.py" <<'SERVER'
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(bytes(180_000))

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", 80), Handler).serve_forever()
SERVER
python3 "$directory/server.py" &
server=$!
trap 'kill "$server"' EXIT
until curl --silent --output /dev/null http://192.0.2.10/; do sleep 0.1; done

cat >"$directory/release.sh" <<'RELEASE'
#!/bin/bash
curl --silent --output /dev/null http://api.example.com/version
bash -c 'echo "release started" > /dev/udp/192.0.2.20/514'
curl --silent --output /dev/null http://api.example.com:8443/status
head --bytes 2000000 /dev/zero | curl --silent --header Expect: --output /dev/null --data-binary @- --request PUT http://paste.example.net/
true
RELEASE
chmod +x "$directory/release.sh"
cd "$directory"
exec 2>&1
"$egret" trace -- ./release.sh
