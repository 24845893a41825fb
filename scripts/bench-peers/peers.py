"""Measures one job queue of other people on SQLite and prints one line of JSON.

    peers.py FOLDER huey|huey-unsynced|persist-queue|litequeue

As for Pkgmill: jobs carry 64 bytes and do nothing, submissions are made one call at a time, one worker process drains
them, and an idle worker's delay runs from the call in this process to the job's start in the worker.
"""

import json
import os
import random
import select
import signal
import sys
import time

JOBS = 4000
SAMPLES = 50
UNMEASURED = 5
PATIENCE = 30
PAYLOAD = "x" * 64


class Huey:
    """A real consumer with one thread; it polls, with a growing pause."""

    def __init__(self, folder, fsync):
        from huey import SqliteHuey

        self.huey = SqliteHuey("bench", filename=folder + "/huey.db", fsync=fsync, results=False)
        self.started = None

        @self.huey.task()
        def job(sent, payload):
            self.started(sent)

        self.put = lambda sent: job(sent, PAYLOAD)

    def work(self, started):
        self.started = started
        self.huey.create_consumer(workers=1, worker_type="thread").run()


class PersistQueue:
    """A library without a worker: the tightest loop that takes, runs and acknowledges stands in for one."""

    def __init__(self, folder):
        from persistqueue import SQLiteAckQueue

        self.open = lambda: SQLiteAckQueue(folder + "/persist-queue", auto_commit=True, multithreading=True)
        self.queue = self.open()
        self.put = lambda sent: self.queue.put((sent, PAYLOAD))

    def work(self, started):
        from persistqueue.exceptions import Empty

        queue = self.open()
        while True:
            try:
                found = queue.get(block=False, raw=True)
            except Empty:
                time.sleep(0.001)
                continue
            started(found["data"][0])
            queue.ack(id=found["pqid"])


class LiteQueue:
    """A library without a worker, as above."""

    def __init__(self, folder):
        from litequeue import LiteQueue

        self.open = lambda: LiteQueue(folder + "/litequeue.db")
        self.queue = self.open()
        self.put = lambda sent: self.queue.put(json.dumps([sent, PAYLOAD]))

    def work(self, started):
        queue = self.open()
        while True:
            found = queue.pop()
            if found is None:
                time.sleep(0.001)
                continue
            started(json.loads(found.data)[0])
            queue.done(found.message_id)


PEERS = {
    "huey": lambda folder: Huey(folder, fsync=True),
    "huey-unsynced": lambda folder: Huey(folder, fsync=False),
    "persist-queue": PersistQueue,
    "litequeue": LiteQueue,
}


class Worker:
    """A worker in a process of its own, which tells of each job how long ago it was submitted, in nanoseconds."""

    def __init__(self, peer):
        self.reading, writing = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(self.reading)
            told = [0, 0]

            def started(sent):
                now = time.monotonic_ns()
                if sent != 0:
                    os.write(writing, b"%d\n" % (now - sent))
                    return
                # Of the jobs to drain, the first and the last are told.
                told[0] += 1
                if told[0] == 1:
                    told[1] = now
                elif told[0] == JOBS:
                    os.write(writing, b"%d\n" % (now - told[1]))

            try:
                peer().work(started)
            finally:
                os._exit(1)
        os.close(writing)
        self.unread = b""

    def next(self):
        """The next figure; None when none comes in time."""
        end = time.monotonic() + PATIENCE
        while b"\n" not in self.unread:
            if not select.select([self.reading], [], [], max(0, end - time.monotonic()))[0]:
                return None
            more = os.read(self.reading, 65536)
            if not more:
                return None
            self.unread += more
        line, self.unread = self.unread.split(b"\n", 1)
        return int(line)

    def end(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def percentile(samples, percent):
    return sorted(samples)[max(1, (len(samples) * percent + 99) // 100) - 1]


def measure(name, folder):
    peer = PEERS[name](folder)
    figures = []

    def note(measure, unit, value, count):
        figures.append({"measure": measure, "unit": unit, "median": value, "count": count})

    start = time.perf_counter()
    for _ in range(JOBS):
        peer.put(0)
    note("enqueue-1", "/s", JOBS / (time.perf_counter() - start), JOBS)

    worker = Worker(lambda: PEERS[name](folder))
    try:
        drained = worker.next()
        if drained is not None:
            note("drain", "/s", (JOBS - 1) / (drained / 1e9), JOBS)
            samples = []
            for _ in range(UNMEASURED + SAMPLES):
                time.sleep(random.uniform(0.1, 0.3))
                peer.put(time.monotonic_ns())
            for _ in range(UNMEASURED + SAMPLES):
                sample = worker.next()
                if sample is None:
                    break
                samples.append(sample / 1e6)
            samples = samples[UNMEASURED:]
            if samples:
                note("latency-p50", "ms", percentile(samples, 50), len(samples))
                note("latency-p99", "ms", percentile(samples, 99), len(samples))
    finally:
        worker.end()
    return figures


if __name__ == "__main__":
    print(json.dumps({"subject": sys.argv[2], "figures": measure(sys.argv[2], sys.argv[1])}))
