"""A file system (FUSE, include/uapi/linux/fuse.h) of which every file is a copy of one program of the host."""

import ctypes
import os
import struct
import sys

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, OPENDIR, RELEASEDIR = 1, 2, 3, 14, 15, 18, 25, 26, 27, 29
INTERRUPT = 36
FILE = 2
NOT_IMPLEMENTED = -38

where, program = sys.argv[1:]
with open(program, "rb") as file:
    content = file.read()
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
if ctypes.CDLL(None).mount(b"egret-test", where.encode(), b"fuse", ctypes.c_ulong(0), options):
    sys.exit(print("no mount", flush=True))


def attributes(node):
    mode, size = (0o100755, len(content)) if node == FILE else (0o40755, 0)
    return struct.pack("QQQQQQIIIIIIIIII", node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(code, node, body):
    """Attributes and names are valid for no time: whoever wants them asks again."""
    if code == INIT:
        return struct.pack("IIIIHHIIHHI28x", 7, 31, 0, 0, 0, 0, 1 << 16, 1, 0, 0, 0)
    if code == LOOKUP:
        return struct.pack("QQQQII", FILE, 0, 0, 0, 0, 0) + attributes(FILE)
    if code == GETATTR:
        return struct.pack("QII", 0, 0, 0) + attributes(node)
    if code in (OPEN, OPENDIR):
        return struct.pack("QII", 1, 0, 0)
    if code == READ:
        _, at, size = struct.unpack_from("QQI", body)
        return content[at : at + size]
    return b"" if code in (RELEASE, FLUSH, RELEASEDIR) else None


print("ready", flush=True)
while True:
    request = os.read(device, 1 << 20)
    _, code, unique, node = struct.unpack_from("IIQQ", request)
    if code in (FORGET, INTERRUPT):
        continue
    result = answer(code, node, request[40:])
    body = result or b""
    os.write(device, struct.pack("IiQ", 16 + len(body), NOT_IMPLEMENTED if result is None else 0, unique) + body)
