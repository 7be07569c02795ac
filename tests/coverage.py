#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""coverage.py BUILD [FILE...]: which lines ran, of what was compiled with COVERAGE=1 under BUILD and
then run. A line counts when it ran in any of the programs that it is compiled into (a header is
part of many). Those that read what anybody may send must reach WANTED; else exit status 1. With
FILEs: also the numbers of their lines that did not run."""
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), os.pardir))
OURS = ("agent/", "bpf/", "common/")
WANTED = 90.0
HELD = ("agent/ssh.c", "agent/ssh_auth.c", "agent/ssh_flow.c", "agent/bgp.c", "agent/bgp_update.c",
        "agent/stream.c", "agent/capfile.c", "bpf/parse.h", "bpf/wrap.h", "bpf/fragment.h", "bpf/track.h")


def gcov(build, folder):
    """Runs gcov on each object that ran; yields its answers, one for each object."""
    notes = []
    for base, _, files in os.walk(os.path.join(build, "obj")):
        notes += [os.path.join(base, f) for f in files if f.endswith(".gcno")]
    if not notes:
        sys.exit("coverage.py: nothing under %s was compiled with COVERAGE=1" % build)
    for i in range(0, len(notes), 50):
        r = subprocess.run(["gcov", "--json-format", "--hash-filenames", *notes[i:i + 50]],
                           cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if r.returncode:
            sys.exit("coverage.py: gcov: " + r.stderr)
    for name in glob.glob(os.path.join(folder, "*.gcov.json.gz")):
        with gzip.open(name) as f:
            yield json.load(f)


def lines_of(build):
    """{file: {line: times it ran}}"""
    files = {}
    with tempfile.TemporaryDirectory(prefix="gwcov.") as folder:
        for answer in gcov(build, folder):
            for f in answer["files"]:
                path = os.path.relpath(os.path.join(answer["current_working_directory"], f["file"]),
                                       ROOT)
                if not path.startswith(OURS):
                    continue
                lines = files.setdefault(path, {})
                for line in f["lines"]:
                    n = line["line_number"]
                    lines[n] = lines.get(n, 0) + line["count"]
    return files


def ranges(numbers):
    out = []
    for n in numbers:
        if out and n == out[-1][1] + 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ", ".join("%d" % a if a == b else "%d-%d" % (a, b) for a, b in out)


def main(build, show):
    files = lines_of(os.path.abspath(build))
    low = []
    print("%-30s %7s %7s %8s" % ("file", "lines", "ran", "%"))
    for path in sorted(files):
        lines = files[path]
        ran = sum(1 for n in lines.values() if n)
        percent = 100.0 * ran / len(lines)
        held = path in HELD
        if held and percent < WANTED:
            low.append(path)
        print("%-30s %7d %7d %7.1f%%%s" % (path, len(lines), ran, percent,
                                           "  at least %g%%" % WANTED if held else ""))
        if ran < len(lines) and (path in show or path in low):
            print("    not run: " + ranges(sorted(n for n in lines if not lines[n])))
    low += [path for path in HELD if path not in files]
    total = [n for lines in files.values() for n in lines.values()]
    print("%-30s %7d %7d %7.1f%%" % ("all", len(total), sum(1 for n in total if n),
                                     100.0 * sum(1 for n in total if n) / len(total)))
    if low:
        print("coverage.py: below %g%% of lines: %s" % (WANTED, ", ".join(low)), file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
