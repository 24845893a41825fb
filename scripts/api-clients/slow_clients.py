"""Clients that hold connections for as long as they may, beside one that works. slow_clients.py HOST:PORT KEY COUNT

Opens COUNT connections that say nothing, some that send a byte a second, some that go away in the middle, and asks for a job
list all the while. Every slow one must be closed by the server when its time is up, and no working request may fail.
"""

import resource
import selectors
import socket
import sys
import threading
import time

address, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
host, port = address.rsplit(":", 1)
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
count = min(count, hard - 500)
started = time.monotonic()


def connect():
    return socket.create_connection((host, int(port)), timeout=60)


class Good(threading.Thread):
    """Asks again and again over one connection; what it asks is answered each time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended = False
        self.failure = None
        self.answers = 0
        self.longest = 0.0

    def run(self):
        try:
            line = connect()
            request = (f"GET /v1/jobs?limit=1 HTTP/1.1\r\nHost: {address}\r\n"
                       f"Authorization: Bearer {key}\r\n\r\n").encode()
            while not self.ended:
                before = time.monotonic()
                line.sendall(request)
                received = b""
                while b"\r\n\r\n" not in received or not received.rstrip().endswith(b"}"):
                    piece = line.recv(65536)
                    if not piece:
                        raise RuntimeError(f"closed after {received!r}")
                    received += piece
                if not received.startswith(b"HTTP/1.1 200 "):
                    raise RuntimeError(received[:200])
                self.answers += 1
                self.longest = max(self.longest, time.monotonic() - before)
                time.sleep(0.05)
        except (OSError, RuntimeError) as error:
            self.failure = repr(error)


good = Good()
good.start()

slow = selectors.DefaultSelector()
kinds = {}


def hold(kind, line, drip=b""):
    line.setblocking(False)
    slow.register(line, selectors.EVENT_READ, (kind, drip))
    kinds[kind] = kinds.get(kind, 0) + 1


for _ in range(count):
    hold("idle", connect())
print(f"{count} idle connections after {time.monotonic() - started:.1f} s", flush=True)
for _ in range(50):
    line = connect()
    line.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    hold("head", line, b"x")
for _ in range(20):
    line = connect()
    line.sendall((f"POST /v1/jobs HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n"
                  "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n").encode())
    hold("body", line, b" ")

# Uploads and downloads that end in the middle.
for number in range(100):
    line = connect()
    line.sendall((f"POST /v1/batches HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n"
                  "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n").encode() + b'{"rows":[' * 3000)
    line.close()
    line = connect()
    line.sendall(f"GET /openapi.json HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    line.recv(10)
    line.close()

# Many at once on one connection are answered in their order.
line = connect()
line.sendall(b"".join(f"GET /{'livez' if n % 2 else 'none'} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode() for n in range(100)))
received = b""
while received.count(b"HTTP/1.1 ") < 100:
    piece = line.recv(65536)
    assert piece, "closed while requests were pipelined"
    received += piece
statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
assert statuses == [b"404", b"200"] * 50, statuses
line.close()

# A head of two thousand fields is refused.
line = connect()
line.sendall(f"GET /livez HTTP/1.1\r\nHost: {address}\r\n".encode() + b"".join(b"X-%d: a\r\n" % n for n in range(2000)) + b"\r\n")
assert line.recv(65536).startswith(b"HTTP/1.1 431 "), "2,000 fields"
line.close()

closed = {}
next_drip = time.monotonic()
while slow.get_map() and time.monotonic() - started < 150 and not good.failure:
    now = time.monotonic()
    if now >= next_drip:
        next_drip = now + 1
        for entry in list(slow.get_map().values()):
            if entry.data[1]:
                try:
                    entry.fileobj.send(entry.data[1])
                except OSError:
                    pass
    for entry, _ in slow.select(timeout=0.2):
        try:
            if entry.fileobj.recv(65536):
                continue
        except OSError:
            pass
        slow.unregister(entry.fileobj)
        entry.fileobj.close()
        closed.setdefault(entry.data[0], []).append(time.monotonic() - started)
good.ended = True
good.join(timeout=60)
assert good.failure is None, good.failure
assert good.answers > 100, good.answers
for kind, number in kinds.items():
    times = closed.get(kind, [])
    assert len(times) == number, f"{kind}: {len(times)} of {number} were closed"
    print(f"{kind}: {number} closed after {min(times):.1f} to {max(times):.1f} s")
# Nobody is cut off before its time.
assert min(closed["idle"]) > 15 and min(closed["head"]) > 15 and min(closed["body"]) > 50
print(f"{good.answers} good answers, the longest after {good.longest:.2f} s")
print("all is well")
