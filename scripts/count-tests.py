"""Counts what a test run wrote and prints `N passed, N failed, N skipped`; exits as the run did.

A run that ended without results, or with none, has failed: silence is not success.
"""

import glob
import sys
import xml.etree.ElementTree as ElementTree

folder, status = sys.argv[1], int(sys.argv[2])
passed = failed = skipped = 0
for path in glob.glob(folder + "/*.xml"):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
if status != 0 and failed == 0:
    failed = 1
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(status if status != 0 else int(failed > 0 or passed == 0))
