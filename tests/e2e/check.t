#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`glasswatch-agent check`: its exit status, its three formats, --baseline across moved lines, --fix
applied until nothing is left, --help, and bad input. On the lab's fabric."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import jsonschema

from tap import done, ok

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
AGENT = os.path.join(BUILD, "glasswatch-agent")
FABRIC = os.path.join(ROOT, "tests", "lab", "fabric")
TOR = "lab1-CP1-TOR1"
STEPS = ["S%d" % n for n in range(1, 12)]

# What SARIF 2.1.0 demands of the objects that we write, in JSON Schema; in SARIF no object but
# `properties` and the fingerprints may have other members than its own.
TEXT = {"type": "object", "required": ["text"], "additionalProperties": False,
        "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
LOCATION = {
    "type": "object", "additionalProperties": False, "properties": {
        "message": TEXT,
        "physicalLocation": {
            "type": "object", "required": ["artifactLocation"], "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object", "additionalProperties": False, "required": ["uri"],
                    "properties": {"uri": {"type": "string",
                                           "pattern": r"^(file:///)?[A-Za-z0-9._~/%-]+$"}}},
                "region": {"type": "object", "additionalProperties": False,
                           "properties": {"startLine": {"type": "integer", "minimum": 1}}}}}}}
SARIF = {
    "type": "object", "required": ["version", "runs"], "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["tool"], "additionalProperties": False, "properties": {
                "tool": {"type": "object", "required": ["driver"], "additionalProperties": False,
                         "properties": {"driver": {
                             "type": "object", "required": ["name"], "additionalProperties": False,
                             "properties": {
                                 "name": {"type": "string"}, "version": {"type": "string"},
                                 "rules": {"type": "array", "uniqueItems": True, "items": {
                                     "type": "object", "required": ["id"],
                                     "additionalProperties": False, "properties": {
                                         "id": {"type": "string"},
                                         "shortDescription": TEXT,
                                         "defaultConfiguration": {
                                             "type": "object", "additionalProperties": False,
                                             "properties": {"level": LEVEL}},
                                         "properties": {"type": "object"}}}}}}}},
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {
                    "type": "object", "required": ["message"], "additionalProperties": False,
                    "properties": {
                        "ruleId": {"type": "string"},
                        "ruleIndex": {"type": "integer", "minimum": 0},
                        "level": LEVEL, "message": TEXT,
                        "locations": {"type": "array", "items": LOCATION},
                        "relatedLocations": {"type": "array", "uniqueItems": True,
                                             "items": LOCATION},
                        "partialFingerprints": {"type": "object", "additionalProperties":
                                                {"type": "string"}},
                        "properties": {"type": "object"}}}}}}}}}


def check(*args, stdin=None):
    p = subprocess.run([AGENT, "check", *args], capture_output=True, text=True, input=stdin,
                       check=False, timeout=120)
    return p.returncode, p.stdout, p.stderr


class Scene:
    def __init__(self, folder):
        self.folder = folder
        self.fabric = shutil.copytree(FABRIC, os.path.join(folder, "fabric"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def config(self, device):
        return os.path.join(self.fabric, device + ".cfg")

    def edit(self, device, old, new):
        with open(self.config(device), encoding="utf-8") as f:
            text = f.read()
        assert old in text, old
        with open(self.config(device), "w", encoding="utf-8") as f:
            f.write(text.replace(old, new, 1))


def good(scene):
    status, out, err = check(scene.fabric)
    ok(status == 0 and not err, "a fabric that is ready: exit 0, nothing on stderr", out, err)
    ok("4 of 4 devices are ready (1 more have no in-band path); 0 findings" in out,
       "the last line counts devices", out)
    rows = [r.split() for r in out.splitlines()[1:6]]
    ok(rows[0] == ["lab1-AR-CE1", "ce", "yes"] + ["ok"] * 12, "a row of a CE: every step", rows)
    ok(rows[3] == [TOR, "tor", "yes"] + ["ok"] * 7 + ["-"] * 3 + ["ok"] * 2,
       "a row of a ToR: S8 to S10 are not its own", rows)
    ok(rows[2] == ["lab1-AR-MGMT1", "mgmt-switch", "n/a"] + ["-"] * 12,
       "a management switch has no step", rows)
    status, out, _ = check("--fix", scene.fabric)
    ok(status == 0 and out == "", "--fix has nothing to print", out)
    status, out, _ = check("--format", "sarif", scene.fabric)
    ok(status == 0 and json.loads(out)["runs"][0]["results"] == [], "SARIF has no result")


def faults(scene):
    """Three faults: one fails, one warns, one is advice."""
    scene.edit(TOR, "   ipv6 address 2001:db8:0:6::66/128\n", "")
    scene.edit(TOR, "2001:db8:ffff::/48", "2001:db8:ffff::/47")
    scene.edit("lab1-AR-MGMT1", "interface Management1",
               "interface Loopback6\n   ip address 198.51.100.90/32\n!\ninterface Management1")
    status, out, err = check(scene.fabric)
    ok(status == 1 and not err, "findings: exit 1", out, err)
    ok(re.search(r"^FAIL \(1\)\n.*lab1-CP1-TOR1.cfg:33: lab1-CP1-TOR1: Loopback6 has no IPv6 "
                 r"address  \[S1 lo6-no-ipv6\]$", out, re.M), "the failure, with file and line", out)
    ok(out.index("FAIL (1)") < out.index("WARN (1)") < out.index("ADVICE (1)"),
       "the worst comes first", out)
    ok(re.search(r"^lab1-CP1-TOR1 +tor +NO +FAIL ok", out, re.M), "the row says which step", out)
    ok("3 of 4 devices are ready" in out, "and how many are ready", out)


def documents(scene):
    status, out, _ = check("--format", "json", scene.fabric)
    doc = json.loads(out)
    devices = {d["name"]: d for d in doc["devices"]}
    ok(status == 1 and set(doc) == {"generation", "devices", "findings", "summary",
                                      "reach", "single_points"},
       "the JSON document", doc.keys())
    ok(all(list(d["steps"]) == STEPS for d in doc["devices"]), "every device has all steps")
    ok(devices[TOR]["ready"] is False and devices[TOR]["steps"]["S1"] == "fail" and
       devices[TOR]["steps"]["S8"] == "n/a", "a device that is not ready", devices[TOR])
    ok(devices["lab1-AR-CE1"]["ready"] is True and devices["lab1-AR-MGMT1"]["ready"] is None,
       "one that is, and one that cannot be")
    f = doc["findings"]
    ok([(x["device"], x["step"], x["code"], x["severity"], x["line"]) for x in f] ==
       [("lab1-AR-MGMT1", "-", "lo6-on-excluded-role", "ADVICE", 42),
        (TOR, "S1", "lo6-no-ipv6", "FAIL", 33),
        (TOR, "-", "trusted-drift", "WARN", 57)], "its findings", json.dumps(f, indent=1))
    ok(f[1]["fix"] == "interface Loopback6\n   ipv6 address <IPv6>/128\n", "what mends it")
    ok("has permit 2001:db8:fffe::/47, lacks permit 2001:db8:ffff::/48" in f[2]["reason"] and
       f[2]["far_file"].endswith("lab1-AR-CE1.cfg"), "the difference to the majority", f[2])
    ok(doc["summary"] == {"devices": 5, "applicable": 4, "ready": 3, "fail": 1, "unknown": 0,
                          "warn": 1, "advice": 1}, "the summary", doc["summary"])

    status, out, _ = check("--format", "sarif", scene.fabric)
    sarif = json.loads(out)
    try:
        jsonschema.Draft7Validator(SARIF).validate(sarif)
        why = ""
    except jsonschema.ValidationError as e:
        why = str(e)
    ok(status == 1 and not why, "the SARIF document is as 2.1.0 demands", why)
    run = sarif["runs"][0]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    ok(all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in results),
       "every result's index is its rule's")
    ok([r["level"] for r in results] == ["note", "error", "warning"], "levels of the severities")
    where = results[1]["locations"][0]["physicalLocation"]
    ok(where["region"]["startLine"] == 33 and
       where["artifactLocation"]["uri"] == "file://" + scene.config(TOR), "where it points", where)
    ok([r["partialFingerprints"]["glasswatch/v1"] for r in results] ==
       [x["fingerprint"] for x in f], "fingerprints are those of the JSON document")
    here = os.getcwd()
    os.chdir(scene.folder)
    shutil.copytree("fabric", "a b%c", dirs_exist_ok=True)
    status, out, _ = check("--format", "sarif", "a b%c")
    os.chdir(here)
    uri = json.loads(out)["runs"][0]["results"][1]["locations"][0]["physicalLocation"]
    ok(uri["artifactLocation"]["uri"] == "a%20b%25c/" + TOR + ".cfg",
       "a relative path stays relative, and is a URI", uri)


def baseline(scene):
    _, out, _ = check("--format", "json", scene.fabric)
    with open(scene.path("known.json"), "w", encoding="utf-8") as f:
        f.write(out)
    known = scene.path("known.json")
    status, out, err = check("--baseline", known, scene.fabric)
    ok(status == 0 and not err and "0 new findings, 3 known from" in out,
       "with a baseline of all findings: exit 0", out, err)
    ok(re.search(r"^lab1-CP1-TOR1 +tor +NO +FAIL", out, re.M), "the table says how it is", out)
    scene.edit(TOR, "! Command:", "! a line more\n! another\n! Command:")
    status, out, _ = check("--baseline", known, scene.fabric)
    ok(status == 0 and "0 new findings" in out, "lines that have moved are no news", out)
    scene.edit(TOR, "   neighbor CE_TOR_UNDERLAY auto-local-addr\n", "")
    status, out, _ = check("--baseline", known, "--format", "json", scene.fabric)
    doc = json.loads(out)
    ok(status == 1 and [f["code"] for f in doc["findings"]] == ["group-no-auto-local-addr"] and
       doc["summary"]["known"] == 3 and doc["summary"]["gone"] == 0,
       "a new fault is the only finding", out)
    status, out, _ = check("--baseline", known, "--format", "sarif", scene.fabric)
    ok([r["ruleId"] for r in json.loads(out)["runs"][0]["results"]] ==
       ["group-no-auto-local-addr"], "in SARIF too")
    status, out, _ = check("--baseline", known, "--fix", scene.fabric)
    ok(status == 1 and "auto-local-addr" in out and "Loopback6" not in out,
       "--fix mends what is new", out)
    scene.edit(TOR, "2001:db8:ffff::/47", "2001:db8:ffff::/48")
    status, out, _ = check("--baseline", "-", "--format", "json", scene.fabric,
                           stdin=open(known, encoding="utf-8").read())
    ok(json.loads(out)["summary"]["gone"] == 1, "what is mended is counted; - is stdin", out)


def mend(scene):
    """--fix, filled in where it asks, appended to the configurations, leaves nothing."""
    scene.edit(TOR, "   redistribute connected rcf adv_loopback()", "   redistribute connected")
    scene.edit("lab1-AR-CE2", "source-vrf INFRA-MGMT", "source-vrf INFRA_MGMT")
    status, out, _ = check("--fix", scene.fabric)
    parts = re.split(r"^! ---- (\S+) ----\n", out, flags=re.M)
    ok(status == 1 and parts[0] == "" and parts[1::2] == ["lab1-AR-CE2", "lab1-AR-MGMT1", TOR],
       "a snippet for each device that has findings", out)
    ok(all(not line or line[0] in "! " or re.match(r"[a-z]", line)
           for line in out.splitlines()), "nothing but comments and EOS lines", out)
    for device, text in zip(parts[1::2], parts[2::2]):
        text = text.replace("<IPv6>", "2001:db8:0:6::66")
        with open(scene.config(device), encoding="utf-8") as f:
            config = f.read()
        with open(scene.config(device), "w", encoding="utf-8") as f:
            f.write(re.sub(r"^end$", text.replace("\\", r"\\") + "end", config, flags=re.M))
    status, out, _ = check(scene.fabric)
    ok(status == 0 and "0 findings" in out, "appended to the configurations, they mend all", out)


def advice_alone(scene):
    scene.edit("lab1-AR-MGMT1", "\nend",
               "\ninterface Loopback6\n   ip address 198.51.100.91/32\n!\nend")
    status, out, _ = check(scene.fabric)
    ok(status == 0 and "ADVICE (1)" in out, "advice alone: exit 0", out)


def bad_input(scene):
    for args, want in (
            ([], "usage: glasswatch-agent check [options] DIR"),
            ([scene.path("none")], "No such file or directory"),
            ([scene.folder + "/empty"], "holds no device"),
            (["--format", "xml", scene.fabric], "--format"),
            (["--baseline", scene.path("none.json"), scene.fabric], "none.json: No such file"),
            (["--baseline", scene.config(TOR), scene.fabric], ":1: "),
            (["--baseline", scene.path("list.json"), scene.fabric], "no array `findings`"),
            (["--baseline", scene.path("bare.json"), scene.fabric], "finding 1 has no `code`"),
    ):
        status, out, err = check(*args)
        ok(status == 2 and want in err and not out and err.count("\n") == 1,
           "%s: exit 2 and one line" % (" ".join(os.path.basename(a) for a in args) or "no DIR"),
           status, err, out)
    p = subprocess.run([AGENT, "fabric", "--format", "sarif", scene.fabric], capture_output=True,
                       text=True, check=False)
    ok(p.returncode == 2 and "sarif is a format of `check`" in p.stderr,
       "other commands have no SARIF", p.stderr)


def hostile(scene):
    """Names from configurations reach the terminal as text, and JSON as valid UTF-8."""
    scene.edit("lab1-AR-CE1", "subscribe-policy leak_infra_default",
               "subscribe-policy \x1b[31mred\udcff".encode("utf-8", "surrogateescape").decode(
                   "latin-1"))
    with open(scene.config("lab1-AR-CE1"), "rb") as f:
        raw = f.read().replace("ÿ".encode(), b"\xff")
    with open(scene.config("lab1-AR-CE1"), "wb") as f:
        f.write(raw)
    for form in ("table", "json", "sarif"):
        p = subprocess.run([AGENT, "check", "--format", form, scene.fabric], capture_output=True,
                           check=False)
        try:
            text = p.stdout.decode("utf-8")
            good_text = "\x1b" not in text and (form == "table" or json.loads(text))
        except ValueError:
            good_text = False
        ok(p.returncode == 1 and good_text, "hostile names in %s" % form, p.stdout[-300:])
    p = subprocess.run([AGENT, "check", "--fix", scene.fabric], capture_output=True, check=False)
    ok(b"\x1b" not in p.stdout, "and in --fix")


def events(scene):
    """replay tells of every device whether it is ready, and why not; the events are valid."""
    capture = scene.path("empty.pcap")
    with open(capture, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    p = subprocess.run([AGENT, "replay", "--fabric", scene.fabric, capture], capture_output=True,
                       text=True, check=False, timeout=120)
    told = [json.loads(line) for line in p.stdout.splitlines()]
    devices = {e["device"]["name"]: e["fabric"] for e in told if e["type"] == "fabric.device"}
    with open(os.path.join(ROOT, "common", "event.schema.json"), encoding="utf-8") as f:
        validator = jsonschema.Draft7Validator(json.load(f))
    wrong = [e.message for doc in told for e in validator.iter_errors(doc)]
    ok(p.returncode == 0 and len(devices) == 5 and not wrong,
       "fabric.device for each, valid", p.stderr, wrong)
    d = devices[TOR]
    ok(d["ready"] is False and d["codes"] == ["lo6-no-ipv6"] and d["steps"] ==
       {"S1": "fail", "S2": "ok", "S3": "ok", "S4": "ok", "S5": "ok", "S6": "ok", "S7": "ok",
        "S11": "ok"} and d["findings"][0] ==
       {"code": "lo6-no-ipv6", "severity": "FAIL", "step": "S1", "line": 33,
        "reason": "Loopback6 has no IPv6 address"} and len(d["findings"]) == 2,
       "one that is not ready: steps, codes, findings", d)
    d = devices["lab1-AR-CE1"]
    ok(d["ready"] is True and d["codes"] == [] and "findings" not in d and len(d["steps"]) == 11,
       "one that is", d)
    ok("ready" not in devices["lab1-AR-MGMT1"], "one of which there is no question")


def help_text():
    status, out, _ = check("--help")
    ok(status == 0 and all(re.search(r"^  %s " % s, out, re.M) for s in STEPS),
       "--help explains every step", out)
    ok(all(w in out for w in ("FAIL", "UNKNOWN", "WARN", "ADVICE", "--baseline", "--fix",
                              "examples:", "exit status:")), "... severities, options, examples")
    ok(max(map(len, out.splitlines())) <= 120, "... in lines that fit")


def main():
    with tempfile.TemporaryDirectory(prefix="glasswatch-check-") as folder:
        scene = Scene(folder)
        os.mkdir(scene.path("empty"))
        for name, text in (("list.json", "[]"), ("bare.json", '{"findings":[{}]}')):
            with open(scene.path(name), "w", encoding="utf-8") as f:
                f.write(text)
        good(scene)
        faults(scene)
        documents(scene)
        events(scene)
        baseline(scene)
        mend(scene)
        advice_alone(scene)
        bad_input(scene)
        hostile(scene)
        help_text()
    return done()


sys.exit(main())
