"""Measures `pkgmill serve` in farms of its own, beside a fixed answer by the same library and beside nginx.

http_bench.py PKGMILL FIXED_ANSWER FOLDER ROUNDS: prints tables; what it starts ends with it.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time

pkgmill, fixed_answer, folder, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
running = []


def start(words, log, **more):
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=open(log + ".out", "w"), stderr=open(log, "w"), **more)
    running.append(process)
    return process


def wait_for(log, pattern):
    for _ in range(300):
        with open(log, encoding="utf-8", errors="replace") as lines:
            found = re.search(pattern, lines.read())
        if found:
            return found
        time.sleep(0.1)
    sys.exit(f"bench: {log} does not say {pattern}")


def command(*words):
    done = subprocess.run([pkgmill, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(words)}: {done.stderr}")
    return done.stdout.strip()


class Farm:
    """A farm of its own that is served, with an operator's key."""

    def __init__(self, name, payload_bytes, redis=None):
        self.path = os.path.join(folder, name)
        command("init", self.path, *(["--redis", redis] if redis else []))
        self.configuration = self.path + "/pkgmill.yaml"
        with open(self.path + "/payload/data.bin", "wb") as file:
            file.write(os.urandom(payload_bytes))
        self.log = os.path.join(folder, name + ".log")
        self.server = start(
            [pkgmill, "serve", "--listen", "127.0.0.1:0", "--workers", "1", "--config", self.configuration], self.log)
        self.address = wait_for(self.log, r"listening on http://(\S+)").group(1)
        self.key = command("key", "add", "admin", "--label", "bench", "--config", self.configuration)
        self.key_file = os.path.join(folder, name + ".key")
        with open(self.key_file, "w", encoding="utf-8") as file:
            file.write(self.key)

    def curl(self, method, path, body=None, *more):
        words = ["curl", "-sS", "-X", method, "-H", f"Authorization: Bearer {self.key}", *more]
        if body is not None:
            words += ["-H", "Content-Type: application/json", "--data-binary", json.dumps(body)]
        return subprocess.run(
            words + [f"http://{self.address}{path}"], capture_output=True, text=True, check=True).stdout

    def bench(self, part, *more):
        words = ["bench", "http", "--server", self.address, "--key-file", self.key_file, "--rounds", "1", "--json",
                 "--only", part, *more]
        return {figure["measure"]: figure["median"] for figure in json.loads(command(*words))["figures"]}

    def memory(self):
        with open(f"/proc/{self.server.pid}/status", encoding="utf-8") as lines:
            return int(re.search(r"VmRSS:\s+(\d+)", lines.read()).group(1)) / 1024


def wrk(url, *fields, script=None):
    words = ["wrk", "-t", "1", "-c", "64", "-d", "8s", *(["-s", script] if script else [])]
    for field in fields:
        words += ["-H", field]
    text = subprocess.run(words + [url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text and "304" not in str(fields) and "If-None-Match" not in str(fields):
        sys.exit(f"bench: {url}: {text}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


def download(url, *fields):
    """Bytes a second of one client, the best of three."""
    best = 0
    for _ in range(3):
        words = ["curl", "-sS", "-o", "/dev/null", "-w", "%{speed_download}"]
        for field in fields:
            words += ["-H", field]
        best = max(best, float(subprocess.run(words + [url], capture_output=True, text=True, check=True).stdout))
    return best


def submit(farm):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "submit.lua")
    return wrk(f"http://{farm.address}/v1/jobs", f"Authorization: Bearer {farm.key}", script=script)


def measure():
    figures = {}
    small = Farm("small", 1_000_000)
    job = json.loads(small.curl("POST", "/v1/jobs", {"sealing": "plain", "delaySeconds": 3600}))["id"]
    whole = small.curl("GET", f"/v1/jobs/{job}", None, "-D", "-")
    size = len(small.curl("GET", f"/v1/jobs/{job}"))
    tag = re.search(r"(?i)etag: (\S+)", whole).group(1)
    url, authorization = f"http://{small.address}/v1/jobs/{job}", f"Authorization: Bearer {small.key}"
    figures["read"] = wrk(url, authorization)
    log = os.path.join(folder, "fixed.log")
    fixed = start([fixed_answer, str(size)], log)
    port = wait_for(log + ".out", r"(\d+)").group(1)
    figures["fixed"] = wrk(f"http://127.0.0.1:{port}/", authorization)
    fixed.kill()
    figures["not modified"] = wrk(url, authorization, f"If-None-Match: {tag}")
    figures["build p50"], figures["build p99"] = small.bench("build").values()
    figures["submit"] = submit(small)
    polls = small.bench("pollers", "--seconds", "20")
    figures["poll p50"], figures["poll p99"] = polls["http-poll-p50"], polls["http-poll-p99"]
    figures["memory"] = small.memory()
    watched = small.bench("watchers")
    figures["watch p50"], figures["watch p99"] = watched["http-watch-p50"], watched["http-watch-p99"]
    figures["events"], figures["watch memory"] = watched["http-events"], small.memory()
    small.server.terminate()
    small.server.wait()

    large = Farm("large", 50_000_000)
    answer = json.loads(
        large.curl("POST", "/v1/jobs", {"sealing": "plain"}, "-H", "Prefer: wait=25"))
    path = f"/v1/artifacts/{answer['id']}"
    package = os.path.join(folder, "large.pkg")
    large.curl("GET", path, None, "-o", package)
    nginx = os.path.join(folder, "nginx")
    os.makedirs(nginx, exist_ok=True)
    with open(nginx + "/nginx.conf", "w", encoding="utf-8") as file:
        file.write(
            f"user root; daemon off; pid {nginx}/pid; error_log {nginx}/log;\\nevents {{}}\\n"
            f"http {{ access_log {nginx}/access; sendfile on; server {{ listen 127.0.0.1:18768; root {folder}; }} }}\\n"
            .replace("\\n", "\n"))
    other = start(["nginx", "-c", nginx + "/nginx.conf", "-p", nginx], nginx + ".log")
    time.sleep(0.5)
    theirs, ours = [], []
    for _ in range(3):
        ours.append(download(f"http://{large.address}{path}", f"Authorization: Bearer {large.key}"))
        theirs.append(download("http://127.0.0.1:18768/large.pkg"))
    figures["download"], figures["nginx"] = statistics.median(ours) / 1e6, statistics.median(theirs) / 1e6
    other.terminate()
    large.server.terminate()
    large.server.wait()

    redis = os.path.join(folder, "redis")
    os.makedirs(redis, exist_ok=True)
    server = start(
        ["redis-server", "--port", "0", "--unixsocket", redis + ".sock", "--dir", redis, "--appendonly", "yes",
         "--appendfsync", "everysec"], redis + ".log")
    time.sleep(0.5)
    os.environ["PKGMILL_FARM_DURABILITY"] = "accept-everysec"
    shared = Farm("shared", 1_000_000, redis + ".sock")
    # A payload that was just written is read anew for each order.
    time.sleep(6)
    figures["submit redis"] = submit(shared)
    del os.environ["PKGMILL_FARM_DURABILITY"]
    shared.server.terminate()
    shared.server.wait()
    server.terminate()
    server.wait()
    return figures


GOALS = [
    ("one job, 64 connections (/s)", lambda f: f["read"], ">=", 40_000),
    ("... against a fixed answer by the same library", lambda f: f["read"] / f["fixed"], ">=", 0.6),
    ("a fixed answer by the same library (/s)", lambda f: f["fixed"], None, None),
    ("one job that its clients have, 64 connections (/s)", lambda f: f["not modified"], ">=", 60_000),
    ("submit, 64 connections, SQLite synced (/s)", lambda f: f["submit"], ">=", 10_000),
    ("submit, 64 connections, Redis everysec (/s)", lambda f: f["submit redis"], ">=", 15_000),
    ("10,000 pollers each 5 s, p50 (ms)", lambda f: f["poll p50"], None, None),
    ("10,000 pollers each 5 s, p99 (ms)", lambda f: f["poll p99"], "<=", 250),
    ("... memory of the server (MiB)", lambda f: f["memory"], "<=", 600),
    ("1,000 watchers, p50 (ms)", lambda f: f["watch p50"], None, None),
    ("1,000 watchers, p99 (ms)", lambda f: f["watch p99"], "<=", 100),
    ("... events (/s)", lambda f: f["events"], ">=", 950),
    ("... memory of the server (MiB)", lambda f: f["watch memory"], None, None),
    ("50 MB, one client (MB/s)", lambda f: f["download"], None, None),
    ("... against nginx", lambda f: f["download"] / f["nginx"], ">=", 0.9),
    ("order to artifact, 1 MB payload, idle farm, p50 (ms)", lambda f: f["build p50"], "<=", 10),
    ("order to artifact, 1 MB payload, idle farm, p99 (ms)", lambda f: f["build p99"], "<=", 30),
]


def number(value):
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"


try:
    measured = []
    for turn in range(rounds):
        print(f"bench: round {turn + 1} of {rounds}", file=sys.stderr)
        subprocess.run(["rm", "-rf", *(os.path.join(folder, name) for name in ("small", "large", "shared", "redis"))],
                       check=True)
        measured.append(measure())
finally:
    for process in running:
        if process.poll() is None:
            process.kill()

print("| what | measured | wanted | |\n|---|---|---|---|")
for title, value, relation, goal in GOALS:
    values = sorted(value(figures) for figures in measured)
    median = statistics.median(values)
    text = f"{number(median)} ({number(values[0])}–{number(values[-1])})"
    if relation is None:
        print(f"| {title} | {text} | | |")
    else:
        met = median >= goal if relation == ">=" else median <= goal
        sign = "≥" if relation == ">=" else "≤"
        print(f"| {title} | {text} | {sign} {number(goal)} | {'met' if met else '**missed**'} |")
