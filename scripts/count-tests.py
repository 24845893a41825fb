"""Counts what a test run wrote and prints `N passed, N failed, N skipped`; exits as the run did.

A run that ended without results, or with none, has failed: silence is not success. Where the run was ended before its time, the
results are incomplete; then the log is counted, and the tests that had begun and not ended are named.
"""

import glob
import re
import sys
import xml.etree.ElementTree as ElementTree

folder, status = sys.argv[1], int(sys.argv[2])
LINE = re.compile(r'^\S+ Test (".*"|\S+\(.*\))(?: with \d+ test cases?)? (started|passed|failed|skipped)\b')


def of_results(paths):
    """The tests of the XML files, by how they ended."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths:
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                counts["failed"] += 1
            elif case.find("skipped") is not None:
                counts["skipped"] += 1
            else:
                counts["passed"] += 1
    return counts


def of_log(path):
    """The tests of the log, by how they ended; names those that did not."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    running = []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = LINE.match(line)
            if not found:
                continue
            name, what = found.groups()
            if what == "started":
                running.append(name)
            else:
                counts[what] += 1
                if name in running:
                    running.remove(name)
    for name in running:
        print(f"not ended: {name}")
    return counts


try:
    counts = of_results(glob.glob(folder + "/*.xml"))
except ElementTree.ParseError:
    print("the run was ended before its results were written")
    counts = of_log(folder + "/log")
if status != 0 and counts["failed"] == 0:
    counts["failed"] = 1
print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
sys.exit(status if status != 0 else int(counts["failed"] > 0 or counts["passed"] == 0))
