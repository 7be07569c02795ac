#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long `glasswatch-agent check` takes over a generated fleet, beside `cat` and `wc -l`.

DEVICES (5000) configurations are written (fabrics.py) and read once to have them in the
page cache. Then, ROUNDS (7) times in turn, `cat` of all files into `wc -l` and one run of
`check`; each by the wall clock and in processor time. What is printed at the end are
medians, and the most memory that any run had. Exit 1 when check takes more than 10 times
the processor time (the wall clock says more of what else runs on the machine) or more
than 500 MiB.
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fabrics  # noqa: E402

MOST_RATIO = 10
MOST_MIB = 500


def run(command, **more):
    """Seconds by the wall clock, of processor time, and the peak resident KiB."""
    start = time.monotonic()
    pid = subprocess.Popen(command, stdout=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(pid.pid, 0)
    pid.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, pid.returncode


def cat_and_wc(paths):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    cat = subprocess.Popen(["cat", *paths], stdout=subprocess.PIPE)
    wc = subprocess.run(["wc", "-l"], stdin=cat.stdout, stdout=subprocess.PIPE, check=True)
    cat.stdout.close()
    if cat.wait() != 0:
        sys.exit("cat failed")
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(wc.stdout)


def main():
    agent = os.path.join(os.environ.get("BUILD", "build"), "glasswatch-agent")
    devices = int(os.environ.get("DEVICES", "5000"))
    rounds = int(os.environ.get("ROUNDS", "7"))
    walls, ratios, cpu_ratios, peaks, floors = [], [], [], [], []

    with tempfile.TemporaryDirectory(prefix="glasswatch-bench-") as directory:
        paths = fabrics.write(directory, devices)
        size = sum(os.path.getsize(p) for p in paths)
        _, _, lines = cat_and_wc(paths)
        print(f"{devices} devices, {lines} lines, {size / 2**20:.1f} MiB, {rounds} rounds")
        for i in range(rounds):
            floor, floor_cpu, _ = cat_and_wc(paths)
            wall, cpu, peak, status = run([agent, "check", directory])
            if status != 0:
                sys.exit(f"check exits with {status}: the generated fleet should be ready")
            floors.append(floor)
            walls.append(wall)
            ratios.append(wall / floor)
            cpu_ratios.append(cpu / floor_cpu)
            peaks.append(peak)
            print(f"  {i + 1}: cat + wc {floor * 1000:.0f} ms, check {wall * 1000:.0f} ms "
                  f"({ratios[-1]:.1f} times; processor {cpu * 1000:.0f} ms, "
                  f"{cpu_ratios[-1]:.1f} times), {peak / 1024:.0f} MiB")
    ratio, peak = statistics.median(cpu_ratios), max(peaks) / 1024
    print(f"check {statistics.median(walls) * 1000:.0f} ms, {statistics.median(ratios):.1f} times "
          f"cat + wc ({statistics.median(floors) * 1000:.0f} ms), of processor time "
          f"{ratio:.1f} times, at most {peak:.0f} MiB")
    if ratio > MOST_RATIO or peak > MOST_MIB:
        sys.exit(f"wanted: at most {MOST_RATIO} times and {MOST_MIB} MiB")


if __name__ == "__main__":
    main()
