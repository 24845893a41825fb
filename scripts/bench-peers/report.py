"""Makes the tables of `scripts/bench` from the figures of its rounds, in Markdown."""

import datetime
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys

TITLES = {
    "enqueue-1": "enqueue, synced, 1 caller",
    "enqueue-16": "enqueue, synced, 16 callers",
    "enqueue-bulk": "bulk enqueue, 1000 a call",
    "drain": "drain, one worker process",
    "latency-p50": "idle enqueue to start, p50",
    "latency-p99": "idle enqueue to start, p99",
    "delayed-p50": "delayed job, start after its time, p50",
    "delayed-p99": "delayed job, start after its time, p99",
    "claim-short": "claim, 1000 queued",
    "claim-long": "claim, 1000000 queued",
    "claim-ratio": "claim rate, 1000000 / 1000 queued",
}
SUBJECTS = ["pkgmill", "C", "huey", "huey-unsynced", "persist-queue", "litequeue"]

# Measure, the figure that the goal names, and what it is held against: subject, its measure, at least this many times.
GOALS = [
    ("enqueue-1", 3600, [("C", "enqueue-1", 0.9), ("huey", "enqueue-1", 1.2)]),
    ("enqueue-16", 25000, [("C", "enqueue-16", 0.6), ("huey", "enqueue-1", 8)]),
    ("enqueue-bulk", 150000, [("C", "enqueue-bulk", 0.5)]),
    ("drain", 15000, [("huey", "drain", 6)]),
    ("latency-p50", 1, [("huey", "latency-p50", 70)]),
    ("latency-p99", 5, [("huey", "latency-p99", 70)]),
    ("delayed-p99", 50, []),
    ("claim-ratio", 0.9, []),
]


def read(path):
    values, units = {}, {}
    with open(path) as lines:
        for line in lines:
            document = json.loads(line)
            for figure in document["figures"]:
                key = (document.get("subject", "pkgmill"), figure["measure"])
                values.setdefault(key, []).append(figure["median"])
                units[figure["measure"]] = figure["unit"]
    return values, units


def number(value):
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"


def cell(values):
    if not values:
        return "–"
    text = number(statistics.median(values))
    return f"{text} ({number(min(values))}–{number(max(values))})" if len(values) > 1 else text


def figures(values, units):
    print("\n| what | " + " | ".join(SUBJECTS) + " |")
    print("|---" * (len(SUBJECTS) + 1) + "|")
    for measure, title in TITLES.items():
        unit = f" ({units[measure]})" if units.get(measure) else ""
        print(f"| {title}{unit} | " + " | ".join(cell(values.get((s, measure))) for s in SUBJECTS) + " |")


def goals(values, units):
    print("\n| goal | wanted | measured | |")
    print("|---|---|---|---|")

    def row(what, wanted, measured, is_met):
        print(f"| {what} | {wanted} | {measured} | {'met' if is_met else '**missed**'} |")

    for measure, figure, ratios in GOALS:
        ours = values.get(("pkgmill", measure))
        if not ours:
            row(TITLES[measure], "", "not measured", False)
            continue
        is_time = units[measure] == "ms"
        own = statistics.median(ours)
        sign = "≤" if is_time else "≥"
        row(TITLES[measure], f"{sign} {number(figure)} {units[measure]}".rstrip(), number(own),
            own <= figure if is_time else own >= figure)
        for subject, other, least in ratios:
            theirs = values.get((subject, other))
            if not theirs:
                row(f"… against {subject}", f"≥ {least} ×", "not measured", False)
                continue
            # Round by round, since both ran beside each other there, and the machine is not the same all the time.
            pairs = [(other_value, value) if is_time else (value, other_value)
                     for value, other_value in zip(ours, theirs)]
            ratio = statistics.median(over / under for over, under in pairs)
            row(f"… against {subject}", f"≥ {least} ×", f"{ratio:.3g} ×", ratio >= least)


def first_line(path, key):
    with open(path) as lines:
        for line in lines:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "unknown"


def machine(folder):
    memory = int(first_line("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)
    system = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True).stdout.split()[-1]
    loads = [float(line) for line in open(folder + "/load")]
    library = subprocess.run(
        ["pkg-config", "--modversion", "sqlite3"], capture_output=True, text=True).stdout.strip()
    print(f"\nMachine: {first_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores, {memory:.0f} GiB, "
          f"Linux {platform.release()}, {system}; SQLite {library} (Python's: {sqlite3.sqlite_version}). "
          f"{datetime.date.today()}; load {min(loads)} to {max(loads)}, this run's own included; "
          f"{len(loads) // 2} rounds, median (least–most).")


if __name__ == "__main__":
    values, units = read(sys.argv[1] + "/figures")
    figures(values, units)
    goals(values, units)
    machine(sys.argv[1])
