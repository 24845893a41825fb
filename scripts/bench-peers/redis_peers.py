"""Measures one job queue of other people on Redis, or beanstalkd, and prints one line of JSON.

    redis_peers.py huey|rq|saq|beanstalkd|redis-benchmark SOCKET

SOCKET is the server's own. `redis-benchmark` is no queue: the program that comes with Redis, with the calls that our
queue makes for a submission.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys

from measuring import PAYLOAD, Huey, Peer, figure, job, measure


class OnRedis(Peer):
    """Needs `connection` for what is asked of the server itself."""

    def memory(self):
        return self.connection.info("memory")["used_memory"]


class RedisHuey(OnRedis, Huey):
    def __init__(self, path):
        from huey import RedisHuey

        Huey.__init__(self, RedisHuey("bench", url="unix://" + path, results=False))
        self.connection = self.huey.storage.conn


class RQ(OnRedis):
    """With the worker that does not fork for each job, which is the faster one."""

    jobs = 1000

    def __init__(self, path):
        from redis import Redis
        from rq import Queue

        self.connection = Redis(unix_socket_path=path)
        self.queue = Queue("bench", connection=self.connection)

    def put(self, sent):
        # By name: a worker imports what it runs.
        self.queue.enqueue("measuring.job", args=(sent, PAYLOAD), result_ttl=0)

    def bulk(self, count):
        one = self.queue.prepare_data
        self.queue.enqueue_many([one("measuring.job", args=(0, PAYLOAD), result_ttl=0) for _ in range(count)])

    def work(self):
        from rq import SimpleWorker

        SimpleWorker([self.queue], connection=self.connection).work(logging_level="WARNING")


class SAQ(OnRedis):
    """With ten jobs at a time, which is what its worker has unless told otherwise."""

    def __init__(self, path):
        from redis import Redis, asyncio as redis_asyncio
        from saq.queue.redis import RedisQueue

        self.connection = Redis(unix_socket_path=path)
        self.queue = RedisQueue(redis_asyncio.Redis(unix_socket_path=path), name="bench")
        self.loop = asyncio.new_event_loop()

    def put(self, sent):
        self.loop.run_until_complete(self.queue.enqueue("work", sent=sent, payload=PAYLOAD))

    def put_many(self, count):
        async def put_all():
            for _ in range(count):
                await self.queue.enqueue("work", sent=0, payload=PAYLOAD)

        # Begins the loop but once: that would be paid for each job otherwise, and by no user of it.
        self.loop.run_until_complete(put_all())

    def work(self):
        from saq import Worker

        async def work(context, *, sent, payload):
            job(sent, payload)

        self.loop.run_until_complete(Worker(self.queue, functions=[("work", work)]).start())


class Beanstalkd(Peer):
    """Another server, in memory, over its protocol: the tightest loop that reserves, runs and deletes stands in for a
    worker."""

    jobs = 20000

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.answers = self.socket.makefile("rb")
        self.process = None

    def ask(self, *commands):
        """The words of the answers' first lines."""
        self.socket.sendall(b"".join(commands))
        return [self.answers.readline().split() for _ in commands]

    def body(self, length):
        return self.answers.read(int(length) + 2)[:-2]

    @staticmethod
    def command(sent):
        body = b"%d %s" % (sent, PAYLOAD.encode())
        return b"put 0 0 60 %d\r\n%s\r\n" % (len(body), body)

    def insert(self, *commands):
        for answer in self.ask(*commands):
            if answer[0] != b"INSERTED":
                raise RuntimeError(answer)

    def put(self, sent):
        self.insert(self.command(sent))

    def bulk(self, count):
        """Has no such call; what comes nearest is not to wait for the answers."""
        self.insert(*[self.command(0)] * count)

    def work(self):
        while True:
            [(_, number, length)] = self.ask(b"reserve\r\n")
            sent, payload = self.body(length).split()
            job(int(sent), payload)
            self.ask(b"delete %s\r\n" % number)

    def memory(self):
        # It counts none itself: what its process has of the machine's.
        if self.process is None:
            [(_, length)] = self.ask(b"stats\r\n")
            self.process = int(re.search(rb"^pid: (\d+)", self.body(length), re.MULTILINE)[1])
        with open(f"/proc/{self.process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def redis_benchmark(path):
    from redis import Redis

    count = 20000
    connection = Redis(unix_socket_path=path)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "same_calls.lua")) as file:
        script = connection.script_load(file.read())
    # About as many bytes as a farm's lanes have; the words below are as long as ours.
    connection.set("{bench}:lanes", "x" * 100)
    words = ["EVALSHA", script, "1", "{bench}:", "10000", "job-__rand_int__", "interactive", "7" * 32, "bench", PAYLOAD]
    output = subprocess.run(
        ["redis-benchmark", "-s", path, "-c", "1", "-P", "1", "-n", str(count), "-r", "2000000000", "-q", *words],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    # It does not say whether the calls did anything. Few ids are drawn twice.
    done = connection.llen("{bench}:waiting:interactive")
    if done < count * 0.99:
        raise RuntimeError(f"redis-benchmark: {done} of {count} jobs are there: {output}")
    rate = re.findall(r"([0-9.]+) requests per second", output)[-1]
    return [figure("enqueue-1", "/s", float(rate), count)]


PEERS = {"huey": RedisHuey, "rq": RQ, "saq": SAQ, "beanstalkd": Beanstalkd}

if __name__ == "__main__":
    subject, path = sys.argv[1:]
    figures = redis_benchmark(path) if subject == "redis-benchmark" else measure(lambda: PEERS[subject](path))
    print(json.dumps({"subject": subject, "figures": figures}))
