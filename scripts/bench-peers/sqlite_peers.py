"""Measures one job queue of other people on SQLite and prints one line of JSON.

    sqlite_peers.py FOLDER huey|huey-unsynced|persist-queue|litequeue
"""

import json
import sys
import time

from measuring import PAYLOAD, Huey, Peer, job, measure


def huey(folder, fsync):
    """Its consumer polls, with a growing pause."""
    from huey import SqliteHuey

    return Huey(SqliteHuey("bench", filename=folder + "/huey.db", fsync=fsync, results=False))


class PersistQueue(Peer):
    """A library without a worker: the tightest loop that takes, runs and acknowledges stands in for one."""

    def __init__(self, folder):
        from persistqueue import SQLiteAckQueue

        self.queue = SQLiteAckQueue(folder + "/persist-queue", auto_commit=True, multithreading=True)
        self.put = lambda sent: self.queue.put((sent, PAYLOAD))

    def work(self):
        from persistqueue.exceptions import Empty

        while True:
            try:
                found = self.queue.get(block=False, raw=True)
            except Empty:
                time.sleep(0.001)
                continue
            job(*found["data"])
            self.queue.ack(id=found["pqid"])


class LiteQueue(Peer):
    """A library without a worker, as above."""

    def __init__(self, folder):
        from litequeue import LiteQueue

        self.queue = LiteQueue(folder + "/litequeue.db")
        self.put = lambda sent: self.queue.put(json.dumps([sent, PAYLOAD]))

    def work(self):
        while True:
            found = self.queue.pop()
            if found is None:
                time.sleep(0.001)
                continue
            job(*json.loads(found.data))
            self.queue.done(found.message_id)


PEERS = {
    "huey": lambda folder: huey(folder, fsync=True),
    "huey-unsynced": lambda folder: huey(folder, fsync=False),
    "persist-queue": PersistQueue,
    "litequeue": LiteQueue,
}

if __name__ == "__main__":
    folder, subject = sys.argv[1:]
    print(json.dumps({"subject": subject, "figures": measure(lambda: PEERS[subject](folder))}))
