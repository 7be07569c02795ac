#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Capture files that are wrong in some way (malformed_captures.py): `replay` ends by itself, says what
is wrong in one line, counts every packet before the fault, and what it prints are valid events. With
a sanitizer build (`make check`) nothing of theirs is on stderr either. GLASSWATCH_CAPTURES=DIR: the
captures in that folder too, of which only the end and the events are known."""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
AGENT = os.path.join(BUILD, "glasswatch-agent")
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True

import malformed_captures as malformed  # noqa: E402
import validate_events  # noqa: E402

SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99",
              "LSAN_OPTIONS": "exitcode=99"}
LIMIT_S = 300  # a run that takes longer hangs


def witnessed(events):
    """Packets counted of the witness's connections."""
    return sum(end.get("packets", 0) for e in events if e["type"] == "flow.end"
               for end in (e["source"], e["destination"])
               if malformed.WITNESS in (e["source"]["ip"], e["destination"]["ip"]))


def wrong(c, path, status, out, err, validator):
    """What is wrong with this answer; None: nothing."""
    lines = err.splitlines()
    if status not in (0, 1, 2) or (c.status is not None and status != c.status):
        return "exit status %d, not %s" % (status, c.status)
    if len(lines) > 1 or any(not line.startswith("glasswatch-agent: ") for line in lines):
        return "more than a line on stderr"
    if status and (not lines or not lines[0].startswith("glasswatch-agent: %s: " % path)):
        return "stderr does not name the file"
    if c.offset is not None and ": offset %d: " % c.offset not in lines[0]:
        return "stderr does not name offset %d" % c.offset
    if status == 0 and c.warns is not None and bool(lines) != c.warns:
        return "a line on stderr" if lines else "no warning"
    if status == 2 and out:
        return "events of a file that was refused"
    events = [json.loads(line) for line in out.splitlines()]
    for e in events:
        for fault in validator.iter_errors(e):
            return "an event that is not valid: %s: %s" % (fault.message, e)
    if c.packets is not None and witnessed(events) != c.packets:
        return "%d packets of the witness were counted, not %d" % (witnessed(events), c.packets)
    return None


def replay(c, folder, validator):
    path = os.path.join(folder, "%s.%s" % (c.family, c.name))
    with open(path, "wb") as f:
        f.write(c.data)
    try:
        r = subprocess.run([AGENT, "replay", "--all", "--limit-flows", "1024", path], stdin=subprocess.DEVNULL, timeout=LIMIT_S,
                           capture_output=True, text=True, errors="backslashreplace",
                           env={**os.environ, **SANITIZERS})
        fault, err = wrong(c, path, r.returncode, r.stdout, r.stderr, validator), r.stderr
    except subprocess.TimeoutExpired:
        fault, err = "it runs on after %d s" % LIMIT_S, ""
    os.unlink(path)
    return (c.name, fault, err) if fault else None


def others(folder):
    """The captures of a folder of the user's."""
    for base, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            with open(os.path.join(base, name), "rb") as f:
                place = os.path.relpath(os.path.join(base, name), folder).replace("/", "_")
                yield malformed.Capture("given", place, f.read(), None, None, None, None)


def main():
    if not os.path.exists(AGENT):
        print("Bail out! no glasswatch-agent in %s: run 'make'" % BUILD)
        return 1
    with open(AGENT, "rb") as f:
        print("# sanitizers: %s" % ("yes" if b"__asan_init" in f.read() else "no"))
    validator, failed, n = validate_events.validator(), 0, 0
    with tempfile.TemporaryDirectory(prefix="gwtest.") as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        sets = [(family, text, list(malformed.captures(family)))
                for family, _, text in malformed.FAMILIES]
        if os.environ.get("GLASSWATCH_CAPTURES"):
            path = os.environ["GLASSWATCH_CAPTURES"]
            sets.append(("given", path, list(others(path))))
        for n, (family, text, captures) in enumerate(sets, 1):
            faults = [f for f in pool.map(lambda c: replay(c, folder, validator), captures) if f]
            failed += bool(faults)
            print("%s %d - %s: %d files" % ("not ok" if faults else "ok", n, text, len(captures)))
            for name, fault, err in faults[:20]:
                print("# %s.%s: %s" % (family, name, fault))
                print("\n".join("#     " + line for line in err.splitlines()[:30]))
            if faults:
                print("# %d of %d; to have the files: tests/e2e/malformed_captures.py DIR" %
                      (len(faults), len(captures)))
            sys.stdout.flush()
    print("1..%d" % n)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
