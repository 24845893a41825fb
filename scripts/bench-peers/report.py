"""Makes the tables of `scripts/bench` from the figures of its rounds, in Markdown."""

import datetime
import json
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys

TITLES = {
    "enqueue-1": "enqueue, 1 caller",
    "enqueue-16": "enqueue, 16 callers",
    "enqueue-bulk": "bulk enqueue, 1000 a call",
    "drain": "drain, one worker process",
    "drain-1": "drain, one job a claim",
    "drain-always": "drain, synced before each answer",
    "drain-1-always": "drain, one job a claim, synced",
    "latency-p50": "idle enqueue to start, p50",
    "latency-p99": "idle enqueue to start, p99",
    "delayed-p50": "delayed job, start after its time, p50",
    "delayed-p99": "delayed job, start after its time, p99",
    "claim-short": "claim, 1000 queued",
    "claim-long": "claim, 1000000 queued",
    "claim-ratio": "claim rate, 1000000 / 1000 queued",
    "memory": "memory of a queued job above its request",
    "memory-whole": "memory of a queued job in all: half of BullMQ's 842",
}
LESS_IS_BETTER = {"ms", "bytes"}

# A goal: measure, the figure that the goal names, and what it is held against: subject, its measure, how many times. That
# is at least so many times as good, or with "at most" no more than so many times as much.
BACKENDS = {
    "sqlite": {
        "title": "SQLite",
        "subjects": ["pkgmill", "C", "huey", "huey-unsynced", "persist-queue", "litequeue"],
        "titles": {"enqueue-1": "enqueue, synced, 1 caller", "enqueue-16": "enqueue, synced, 16 callers"},
        "goals": [
            ("enqueue-1", 3600, [("C", "enqueue-1", 0.9), ("huey", "enqueue-1", 1.2)]),
            ("enqueue-16", 25000, [("C", "enqueue-16", 0.6), ("huey", "enqueue-1", 8)]),
            ("enqueue-bulk", 150000, [("C", "enqueue-bulk", 0.5)]),
            ("drain", 15000, [("huey", "drain", 6)]),
            ("latency-p50", 1, [("huey", "latency-p50", 70)]),
            ("latency-p99", 5, [("huey", "latency-p99", 70)]),
            ("delayed-p99", 50, []),
            ("claim-ratio", 0.9, []),
        ],
    },
    "redis": {
        "title": "Redis",
        "subjects": ["pkgmill", "redis-benchmark", "blpop", "sidekiq", "huey", "rq", "saq", "beanstalkd"],
        "titles": {},
        "goals": [
            ("enqueue-1", 9000, [("redis-benchmark", "enqueue-1", 0.8), ("sidekiq", "enqueue-1", 1.6)]),
            ("enqueue-bulk", 100000, [("sidekiq", "enqueue-bulk", 1.6)]),
            ("drain", 50000, [("sidekiq", "drain", 7)]),
            ("drain-1", 25000, [("sidekiq", "drain", 3.5)]),
            ("drain-always", 12000, [("sidekiq", "drain", 1.7)]),
            ("latency-p50", 0.4, [("blpop", "latency-p50", 2, "at most")]),
            ("latency-p99", 1.5, [("blpop", "latency-p99", 2, "at most")]),
            ("claim-ratio", 0.9, []),
            ("memory", 320, []),
            ("memory-whole", 421, []),
        ],
    },
}
REQUEST = 64


def read(path, values, units, suffix=""):
    if not os.path.exists(path):
        return
    with open(path) as lines:
        for line in lines:
            document = json.loads(line)
            subject = document.get("subject", "pkgmill")
            for figure in document["figures"]:
                measure = figure["measure"] + suffix
                values.setdefault((subject, measure), []).append(figure["median"])
                units[measure] = figure["unit"]


def number(value):
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"


def cell(values):
    if not values:
        return "–"
    text = number(statistics.median(values))
    return f"{text} ({number(min(values))}–{number(max(values))})" if len(values) > 1 else text


def title(backend, measure):
    return backend["titles"].get(measure, TITLES[measure])


def figures(backend, values, units):
    subjects = backend["subjects"]
    print("\n| what | " + " | ".join(subjects) + " |")
    print("|---" * (len(subjects) + 1) + "|")
    for measure in TITLES:
        if not any((subject, measure) in values for subject in subjects):
            continue
        unit = f" ({units[measure]})" if units[measure] else ""
        cells = [cell(values.get((subject, measure))) for subject in subjects]
        print(f"| {title(backend, measure)}{unit} | " + " | ".join(cells) + " |")


def goals(backend, values, units):
    print("\n| goal | wanted | measured | |")
    print("|---|---|---|---|")

    def row(what, wanted, measured, is_met):
        print(f"| {what} | {wanted} | {measured} | {'met' if is_met else '**missed**'} |")

    for measure, figure, ratios in backend["goals"]:
        ours = values.get(("pkgmill", measure))
        if not ours:
            row(title(backend, measure), "", "not measured", False)
            continue
        is_less_better = units[measure] in LESS_IS_BETTER
        own = statistics.median(ours)
        sign = "≤" if is_less_better else "≥"
        row(title(backend, measure), f"{sign} {number(figure)} {units[measure]}".rstrip(), number(own),
            own <= figure if is_less_better else own >= figure)
        for subject, other, times, *at_most in ratios:
            wanted = f"{'≤' if at_most else '≥'} {times} ×"
            theirs = values.get((subject, other))
            if not theirs:
                row(f"… against {subject}", wanted, "not measured", False)
                continue
            # Round by round, since both ran beside each other there, and the machine is not the same all the time.
            ratio = statistics.median(
                value / other_value if at_most or not is_less_better else other_value / value
                for value, other_value in zip(ours, theirs))
            row(f"… against {subject}", wanted, f"{ratio:.3g} ×", ratio <= times if at_most else ratio >= times)


def first_line(path, key):
    with open(path) as lines:
        for line in lines:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "unknown"


def said(*command):
    """What a program says of itself, on one line."""
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def package(name):
    """The version of a Debian package, without Debian's own part."""
    return said("dpkg-query", "-W", "-f", "${Version}", name).split("-")[0].split("+")[0] or "unknown"


def versions(backends):
    if "sqlite" in backends:
        yield f"SQLite {said('pkg-config', '--modversion', 'sqlite3')} (Python's: {sqlite3.sqlite_version})"
    if "redis" in backends:
        server = re.search(r"v=([0-9.]+)", said("redis-server", "--version"))
        ruby = re.search(r"[0-9.]+", said("ruby", "--version"))
        yield f"redis-server {server[1] if server else 'unknown'}"
        yield f"Sidekiq {package('ruby-sidekiq')}, redis-rb {package('ruby-redis')}, Ruby {ruby[0] if ruby else 'unknown'}"
        yield f"beanstalkd {package('beanstalkd')}"
    yield f"Python {platform.python_version()}"


def machine(folder, backends):
    memory = int(first_line("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)
    system = said("df", "--output=fstype", folder).split()[-1]
    with open(folder + "/load") as lines:
        loads = [float(line) for line in lines]
    print(f"\nMachine: {first_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores, {memory:.0f} GiB, "
          f"Linux {platform.release()}, {system}; {', '.join(versions(backends))}. "
          f"{datetime.date.today()}; load {min(loads)} to {max(loads)}, this run's own included; "
          f"rounds: {len(loads) // 2}, median (least–most).")


def report(folder):
    measured = [name for name in BACKENDS if os.path.exists(f"{folder}/{name}")]
    for name in measured:
        backend, values, units = BACKENDS[name], {}, {}
        read(f"{folder}/{name}", values, units)
        read(f"{folder}/{name}-always", values, units, suffix="-always")
        print(f"\n### {backend['title']}")
        figures(backend, values, units)
        # A goal alone: the same figure as above, and no peer's.
        whole = [value + REQUEST for value in values.get(("pkgmill", "memory"), [])]
        if whole:
            values["pkgmill", "memory-whole"], units["memory-whole"] = whole, "bytes"
        goals(backend, values, units)
    machine(folder, measured)


if __name__ == "__main__":
    report(sys.argv[1])
