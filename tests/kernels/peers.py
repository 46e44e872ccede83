"""Peers of what is tried: a web server, and a resolver that answers every question for an IPv4 address with one of this machine."""

import http.server
import socket
import struct
import threading

ADDRESS = socket.inet_aton("127.0.0.9")
TYPE_A = 1


def answer(question):
    end = question.index(b"\0", 12) + 5
    (kind,) = struct.unpack(">H", question[end - 4 : end - 2])
    records = [b"\xc0\x0c" + struct.pack(">HHIH", TYPE_A, 1, 60, 4) + ADDRESS] if kind == TYPE_A else []
    return question[:2] + struct.pack(">HHHHH", 0x8180, 1, len(records), 0, 0) + question[12:end] + b"".join(records)


def resolve():
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind(("127.0.0.1", 53))
    while True:
        question, peer = resolver.recvfrom(512)
        resolver.sendto(answer(question), peer)


threading.Thread(target=resolve, daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), http.server.SimpleHTTPRequestHandler).serve_forever()
