"""How the queues of other people are measured: all in the same way, and as Pkgmill's own is.

Jobs carry 64 bytes and do nothing, submissions are made one call at a time, one worker process drains them, and an idle
worker's delay runs from the call in this process to the job's start in the worker.
"""

import os
import random
import select
import signal
import time

SAMPLES = 50
UNMEASURED = 5
PATIENCE = 30
PAYLOAD = "x" * 64
PER_CALL = 1000

_worker = None


class Peer:
    """A queue of other people. `put(sent)` submits one job, `work()` runs jobs until the process is killed."""

    # How many jobs to submit and to drain: a second's or a few seconds' worth.
    jobs = 4000
    # Submits so many jobs, PER_CALL a call, where a queue has such a call.
    bulk = None

    def put_many(self, count):
        for _ in range(count):
            self.put(0)

    def memory(self):
        """Bytes that the server uses; None where there is no server."""
        return None


class Huey(Peer):
    """A real consumer with one thread, which is what it has unless told otherwise."""

    def __init__(self, huey):
        self.huey = huey
        task = huey.task()(job)
        self.put = lambda sent: task(sent, PAYLOAD)

    def work(self):
        self.huey.create_consumer(workers=1, worker_type="thread").run()


def job(sent, payload):
    """What a worker does for each job. `sent` is the time of its submission, 0 for one to drain."""
    _worker.started(sent)


class Worker:
    """A worker in a process of its own, which tells of each job how long ago it was submitted, in nanoseconds; of
    `count` jobs to drain, how long it took from the first to the last."""

    def __init__(self, open_peer, count):
        self.reading, self.writing = os.pipe()
        self.count, self.seen, self.first = count, 0, 0
        self.unread = b""
        self.process = os.fork()
        if self.process == 0:
            global _worker
            _worker = self
            os.close(self.reading)
            try:
                open_peer().work()
            finally:
                os._exit(1)
        os.close(self.writing)

    def started(self, sent):
        now = time.monotonic_ns()
        if sent != 0:
            os.write(self.writing, b"%d\n" % (now - sent))
            return
        self.seen += 1
        if self.seen == 1:
            self.first = now
        elif self.seen == self.count:
            os.write(self.writing, b"%d\n" % (now - self.first))

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


def figure(measure, unit, value, count):
    return {"measure": measure, "unit": unit, "median": value, "count": count}


def latency(peer, worker):
    for _ in range(UNMEASURED + SAMPLES):
        time.sleep(random.uniform(0.1, 0.3))
        peer.put(time.monotonic_ns())
    samples = []
    for _ in range(UNMEASURED + SAMPLES):
        sample = worker.next()
        if sample is None:
            break
        samples.append(sample / 1e6)
    samples = samples[UNMEASURED:]
    if not samples:
        return []
    return [figure(f"latency-p{percent}", "ms", percentile(samples, percent), len(samples)) for percent in (50, 99)]


def measure(open_peer):
    """The figures of the peer that `open_peer()` makes, here and once more in its worker."""
    peer = open_peer()
    jobs = peer.jobs
    # Connects, and makes what is made but once.
    peer.put(0)

    before = peer.memory()
    start = time.perf_counter()
    peer.put_many(jobs)
    figures = [figure("enqueue-1", "/s", jobs / (time.perf_counter() - start), jobs)]
    if before is not None:
        above = (peer.memory() - before) / jobs - len(PAYLOAD)
        figures.append(figure("memory", "bytes", above, jobs))

    worker = Worker(open_peer, jobs + 1)
    try:
        drained = worker.next()
        if drained is not None:
            figures.append(figure("drain", "/s", jobs / (drained / 1e9), jobs + 1))
            figures += latency(peer, worker)
    finally:
        worker.end()

    # Last, since nobody drains these.
    if peer.bulk:
        start = time.perf_counter()
        for _ in range(0, jobs, PER_CALL):
            peer.bulk(PER_CALL)
        figures.append(figure("enqueue-bulk", "/s", jobs / (time.perf_counter() - start), jobs))
    return figures
