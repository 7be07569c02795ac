#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an auditor asks, of a real collector's store: sessions, coverage, judge, and an
evidence pack that proves itself, whatever is done to it."""
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Agent, Collector, Redis, Tap, scene  # noqa: E402
from pg import Postgres  # noqa: E402

tap = Tap()
DEVICE = "fab1-CP1-TOR1"
LISTS = """hostname %s
interface Management1
   vrf MGMT
   ip address 10.1.0.11/24
interface Loopback6
   ip address 10.30.0.66/32
ip prefix-list trusted_sources
%s"""


def inventory(a):
    """The device as its agent tells of it, with addresses."""
    return a.event(0.2, "fabric.device", device={"name": DEVICE, "role": "tor"}, fabric={
        "file": DEVICE + ".cfg", "neighbors": [], "loopbacks": [],
        "management": [{"interface": "Management1", "vrf": "MGMT", "addresses": ["10.1.0.11/24"]}],
        "prefix_lists": {"trusted_sources": [
            {"seq": 10, "action": "permit", "prefix": "10.20.0.0/16", "line": 8}]},
        "ipv6_prefix_lists": {},
        "targets": [{"address": "10.1.0.11", "path": "primary"},
                    {"address": "10.30.0.66", "path": "in-band"},
                    {"address": "fda0:d59c:df09:2::2", "path": "in-band"}]})


def configs(name, entries):
    path = os.path.join(base, name)
    os.makedirs(path)
    with open(os.path.join(path, DEVICE + ".cfg"), "w", encoding="utf-8") as f:
        f.write(LISTS % (DEVICE, "".join("   seq %s\n" % e for e in entries)))
    return path


def run(*args, status=0, stdin=None):
    r = subprocess.run([c.program, *args], capture_output=True, input=stdin)
    if r.returncode != status:
        raise AssertionError("%s: status %d: %s%s" % (args, r.returncode, r.stdout, r.stderr))
    return r.stdout.decode() + r.stderr.decode()


def sessions():
    rows = c.json("sessions")
    tap.ok([s["flow"] for s in rows] == ["f3", "f4"] and
           [s["justified"] for s in rows] == ["yes", "yes"],
           "sessions: those over lo6, in order, justified", rows)
    tap.ok(rows[0]["user"] == "alice" and rows[0]["duration_s"] == 1920.0 and
           rows[0]["device"] == DEVICE and rows[0]["source"]["ip"] == "10.20.0.5" and
           rows[0]["words"] == "alice was on %s over lo6 for 32 min." % DEVICE,
           "who, whence, where, how long", rows[0])
    tap.ok({s["justified"] for s in rows} <= {"yes", "no", "unknown", "drill"},
           "each is justified or says why not", rows)
    answers = [[s["flow"] for s in c.json("sessions", "--justified", w)]
               for w in ("yes", "no", "unknown", "drill")]
    tap.ok(sorted(sum(answers, [])) == ["f3", "f4"], "--justified parts them", answers)
    for args, want in ((("--actor", "alice"), ["f3"]), (("--actor", "bob"), []),
                       (("--source", "fda0::/16"), ["f4"]), (("--device", "other"), []),
                       (("--since", "2026-11-23T02:48:00Z"), ["f4"]),
                       (("--until", "2026-11-23T02:16:00Z"), ["f3"]), (("--limit", "1"), ["f4"])):
        got = [s["flow"] for s in c.json("sessions", *args)]
        tap.ok(got == want, "sessions " + " ".join(args), got)
    table = list(csv.DictReader(io.StringIO(c.ask("sessions", "--format", "csv"))))
    tap.ok(len(table) == 2 and table[0]["user"] == "alice" and table[0]["verdict"] == "trusted",
           "as CSV", table)
    tap.ok("alice" in c.ask("sessions"), "as a table")
    tap.ok("one of yes, no, unknown, drill" in c.ask("sessions", "--justified", "maybe", status=2),
           "a word that is none is exit 2")


def coverage():
    rows = c.json("coverage")
    paths = rows[0]["paths"]
    tap.ok(len(rows) == 1 and [p["watched"] for p in paths] == ["yes", "yes", "yes"] and
           [p["path"] for p in paths] == ["primary", "in-band", "in-band"] and
           paths[0]["reached"].startswith("2026-11-23T02:5") and
           paths[1]["reached"].startswith("2026-11-23T02:4"),
           "coverage: each way, and when it was reached last", rows)
    c.ask("coverage", "--strict", "--days", "36500")
    said = run("coverage", "--device", "nosuch", "--db", c.db)
    tap.ok("no device nosuch is known" in said and "no agent" not in said,
           "of a device that is not known it says so", said)
    for what in (("coverage", "--device", "nosuch"), ("sessions", "--device", "nosuch"),
                 ("flows", "--device", "nosuch"), ("alerts", "--device", "nosuch")):
        got = subprocess.run([c.program, *what, "--db", c.db, "--format", "json"],
                             capture_output=True)
        tap.ok(got.returncode == 0 and got.stdout == b"[]\n" and b": no " in got.stderr,
               "%s: no row is said on stderr, and [] is still JSON" % what[0], got)
    tap.ok(rows[0]["covered"] or rows[0]["why"], "what is not covered says why")
    r.add([mgmt.event(2500, "fabric.device", device={"name": "fab1-CP1-TOR2", "role": "tor"},
                      fabric={"file": "x", "targets": [
                          {"address": "10.1.0.12", "path": "primary"}]})])
    tap.ok(c.until(lambda: len(c.json("coverage")) == 2), "a device that nobody has seen")
    c_ask = subprocess.run([c.program, "coverage", "--strict", "--db", c.db], capture_output=True)
    tap.ok(c_ask.returncode == 1 and b"no packet was ever seen" in c_ask.stdout and
           b"the configuration has no address" in c_ask.stdout,
           "is not covered, and with --strict that is exit 1", c_ask)


def judge():
    same = configs("same", ["10 permit 10.20.0.0/16"])
    rows = json.loads(run("judge", "--fabric", same, "--db", c.db, "--format", "json", status=1))
    tap.ok([(x["change"], x["source"]) for x in rows] == [("cut-off", "fda0:d59c:df09:5::9")],
           "judge: the same list, but none for IPv6", rows)
    new = configs("new", ["10 permit 10.99.0.0/16", "20 permit 203.0.113.0/24"])
    rows = json.loads(run("judge", "--fabric", new, "--db", c.db, "--format", "json", status=1))
    by = {x["source"]: x for x in rows}
    one, two = by["10.20.0.5"], by["203.0.113.77"]
    tap.ok(one["change"] == "cut-off" and one["before"] == {
        "verdict": "trusted", "list": "trusted_sources", "seq": 10, "prefix": "10.20.0.0/16"} and
        one["after"]["verdict"] == "untrusted" and "seq" not in one["after"] and
        one["user"] == "alice" and one["flows"] == 4, "who would be cut off, and by what", one)
    tap.ok(two["change"] == "let-in" and two["after"]["seq"] == 20 and
           two["after"]["prefix"] == "203.0.113.0/24" and
           two["after"]["file"].endswith(DEVICE + ".cfg") and two["after"]["line"] == 9,
           "who would be let in, by which line", two)
    out = run("judge", "--fabric", new, "--db", c.db, "--source", "203.0.113.77")
    tap.ok("let-in" in out and "0 would be cut off" in out, "nobody is cut off: exit 0", out)
    tap.ok("directory" in run("judge", "--db", c.db, status=2), "without --fabric: exit 2")
    tap.ok("none" in run("judge", "--fabric", base + "/none", "--db", c.db, status=2),
           "a directory that is not there: exit 2")


def lines_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read().splitlines()


def verify(lines, status, *more):
    out = run("verify", "--pack", "-", *more, status=status,
              stdin=("\n".join(lines) + "\n").encode())
    return out


def by_hand():
    """The check in Python that the docs print."""
    with open("docs/audit.md", encoding="utf-8") as f:
        text = re.search(r"```python\n(.*?)```", f.read(), re.S).group(1)
    path = os.path.join(base, "verify.py")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return lambda p: subprocess.run([sys.executable, path, p], capture_output=True, text=True)


def packs():
    pack, whole = base + "/incident.jsonl", base + "/whole.jsonl"
    said = run("export", "--incident", "1", "-o", pack, "--db", c.db)
    lines = lines_of(pack)
    docs = [json.loads(x) for x in lines]
    rows = [json.loads(d["row"]["json"]) for d in docs if "row" in d]
    flows = {d["flow"]["id"] for d in rows if "flow" in d}
    tap.ok({"f2", "f3", "f4", "u0", "u1", "u2"} <= flows and
           {"path.change", "fabric.device"} <= {d["type"] for d in rows},
           "a pack holds the incident's flows, path changes and configurations", flows)
    tap.ok(docs[0]["what"] == {"incident": 1} and docs[-1]["rows"] == len(rows) and
           any("digests" in d for d in docs) and any("anchor" in d for d in docs),
           "digests of the places between, and an anchor", said)
    out = verify(lines, 0, "--anchors", anchors)
    tap.ok("good" in out and "they agree" in out, "it verifies by itself, and by anchors", out)
    hand = by_hand()
    h = hand(pack)
    tap.ok(h.returncode == 0 and h.stdout.startswith("good"), "so does the check in the docs",
           h.stderr)

    changed = [x.replace("10.20.0.5", "10.20.0.6", 1) if '"row"' in x else x for x in lines]
    row = next(i for i, x in enumerate(lines) if '"row"' in x and "203.0.113.77" in x)
    first = next(i for i, x in enumerate(lines) if '"row"' in x)
    name = docs[row]["row"]["agent"] + "/%d" % docs[row]["row"]["seq"]
    hole = lines[:row] + lines[row + 1:]
    swapped = lines[:row] + [lines[row + 1], lines[row]] + lines[row + 2:]
    other = docs[row]
    other["row"]["verdict"] = "trusted"
    forged = lines[:row] + [json.dumps(other)] + lines[row + 1:]
    for what, bad, words in (
            ("an address in a row", changed, "not as it was stored"),
            ("a verdict", forged, name), ("a row taken out", hole, "does not follow"),
            ("two rows swapped", swapped, "does not follow"),
            ("the end cut off", lines[:-1], "its end is missing"),
            ("the header of another store",
             [lines[0].replace(docs[0]["store"], "0" * 32)] + lines[1:], "another store"),
            ("a row put in twice", lines[:row] + [lines[row]] + lines[row:], "does not follow"),
            ("something after the end", lines + [lines[-1]], "follows its end"),
            ("no JSON", lines[:first] + ["{"] + lines[first + 1:], "not a JSON document")):
        out = verify(bad, 1)
        tap.ok(words in out and "NOT GOOD" in out, "found: " + what, out)
        with open(base + "/bad.jsonl", "w", encoding="utf-8") as f:
            f.write("\n".join(bad) + "\n")
        if what != "the header of another store":
            tap.ok(hand(base + "/bad.jsonl").returncode != 0, "and by hand: " + what)
    out = json.loads(verify(forged, 1, "--format", "json"))
    tap.ok(not out["good"] and out["id"] == name and out["place"] == docs[row]["place"],
           "the first bad row is named, place and event", out)

    run("export", "--since", "2026-01-01T00:00:00Z", "-o", whole, "--db", c.db)
    docs = [json.loads(x) for x in lines_of(whole)]
    tap.ok(docs[0]["first"] == 1 and sum("row" in d for d in docs) >= 21 and
           hand(whole).returncode == 0, "a span is exported from the first place on")
    tap.ok(docs[1]["row"]["json"].startswith('{"v":1,"id":"mgmt-1/1"'),
           "its rows hold the documents as they were received")
    forged = chain_anew(docs)
    tap.ok("good" in verify(forged, 0), "a pack that was made anew is consistent in itself")
    tap.ok("kept elsewhere" in verify(forged, 1, "--anchors", anchors),
           "and is found by the anchors that were kept elsewhere")
    piped = run("export", "--incident", "1", "--db", c.db)
    tap.ok('{"pack":1' in piped, "to stdout by default")
    tap.ok("nothing is stored" in run("export", "--since", "2030-01-01T00:00:00Z", "-o",
                                      base + "/none", "--db", c.db, status=1) and
           not os.path.exists(base + "/none"), "nothing to export is exit 1, and leaves no file")
    for args in (("export",), ("export", "--incident", "1", "--since", "-1h"),
                 ("verify", "--pack", base + "/none")):
        run(*args, "--db", c.db, status=2)
    tap.ok(True, "wrong questions are exit 2")
    with open(base + "/old", "w", encoding="utf-8") as f:
        f.write("an older pack")
    said = run("export", "--incident", "99", "-o", base + "/old", "--db", c.db, status=2)
    with open(base + "/old", encoding="utf-8") as f:
        tap.ok("there is no incident 99" in said and f.read() == "an older pack",
               "an incident that is none is exit 2, as elsewhere, and the file is left as it is",
               said)
    pipe = base + "/pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    run("export", "--since", "2030-01-01T00:00:00Z", "-o", pipe, "--db", c.db, status=1)
    os.close(reader)
    tap.ok(os.path.exists(pipe), "and what is no file is not removed")


def chain_anew(docs):
    """All hashes computed again over a changed row, as a forger would."""
    import hashlib

    def field(v):
        if v is None:
            return b"n"
        if isinstance(v, int):
            return b"i" + v.to_bytes(8, "big", signed=True)
        v = v.encode()
        return b"t" + len(v).to_bytes(8, "big") + v

    chain, out = bytes.fromhex(docs[0]["before"]), [json.dumps(docs[0])]
    docs = json.loads(json.dumps(docs))
    next(d for d in docs if "row" in d and d["row"]["source"])["row"]["source"] = "10.20.0.9"
    for d in docs[1:-1]:
        if "anchor" in d:
            d["anchor"]["hash"] = chain.hex()
        for digest in d.get("digests", []):
            chain = hashlib.sha256(chain + bytes.fromhex(digest)).digest()
        if "row" in d:
            names = docs[0]["fields"][d["kind"]]
            digest = hashlib.sha256(field(d["kind"]) + b"".join(
                field(d["row"][n]) for n in names)).digest()
            chain = hashlib.sha256(chain + digest).digest()
            d["digest"], d["hash"] = digest.hex(), chain.hex()
        out.append(json.dumps(d))
    docs[-1]["hash"] = chain.hex()
    return out + [json.dumps(docs[-1])]


def documents(pg):
    """The unit test of the documents, with PostgreSQL below it."""
    test = os.path.join(os.environ.get("BUILD", "build"), "tests", "test_view")
    if not os.path.exists(test):
        tap.ok(True, "documents out of PostgreSQL # SKIP no %s" % test)
        return
    for i in range(1, 31):
        pg.sql("CREATE SCHEMA view%d" % i)
    said = subprocess.run([test], capture_output=True, text=True,
                          env=dict(os.environ, GLASSWATCH_TEST_DB=pg.url))
    tap.ok(said.returncode == 0, "documents out of PostgreSQL", said.stderr[-3000:])


def play(pg):
    global r, c, mgmt, anchors
    r = Redis(base)
    anchors = os.path.join(base, "anchors.jsonl")
    c = Collector(base, r, "c1", "store.db", "--anchors", anchors)
    if pg:
        c.args = [pg.url if x == c.db else x for x in c.args]
        c.db = pg.url
    try:
        r.start()
        c.start()
        mgmt = Agent()
        docs = list(scene(mgmt))
        docs.insert(2, inventory(mgmt))
        r.add(docs)
        tap.ok(c.until(lambda: len(c.json("events", "--type", "agent.stats")) == 1 and
                       r.pending() == 0), "the scene is stored")
        sessions()
        coverage()
        judge()
        c.stop()  # it makes an anchor of all
        packs()
    finally:
        if c.process:
            c.process.kill()
            c.process.wait()
        r.kill()


for store in ("sqlite", "postgresql"):
    with tempfile.TemporaryDirectory() as base:
        pg = Postgres(base) if store == "postgresql" else None
        if pg and not pg.there:
            tap.ok(True, "the same out of PostgreSQL # SKIP no PostgreSQL here")
            continue
        try:
            if pg:
                pg.start()
                print("# the same out of PostgreSQL")
            play(pg)
            if pg:
                documents(pg)
        finally:
            if pg:
                pg.kill()
sys.exit(tap.done())
