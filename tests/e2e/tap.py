# SPDX-License-Identifier: Apache-2.0
"""One line of TAP for each check, as prove reads it; the plan comes last."""
import sys

tests = failed = 0


def ok(good, text, *why):
    """One check; `why` is shown when it fails. Returns good."""
    global tests, failed
    tests += 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", tests, text))
    if not good:
        for w in why:
            print("".join("# %s\n" % line for line in str(w).splitlines()), end="")
    sys.stdout.flush()
    return good


def skip(text, why):
    global tests
    tests += 1
    print("ok %d - %s # SKIP %s" % (tests, text, why), flush=True)


def done():
    """Prints the plan; the exit status."""
    print("1..%d" % tests, flush=True)
    return 1 if failed else 0
