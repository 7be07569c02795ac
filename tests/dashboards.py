#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks at dashboards/ without a server: boards and rules are well formed, Grafana can provision them as
they are, and each panel says what it shows. What the queries answer is asked by tests/e2e/metrics.t.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
BOARDS = sorted(glob.glob("dashboards/grafana/*.json"))
RULES = "dashboards/prometheus/glasswatch.rules.yml"
TYPES = {"stat", "timeseries", "table", "state-timeline", "text", "row"}  # of Grafana itself
bad = 0


def complain(path, text):
    global bad
    bad += 1
    print("%s: %s" % (path, text), file=sys.stderr)


def metric_names():
    """As the tables in C have them; histograms with what their lines are called."""
    names = set()
    for path in ("collector/base/metrics.c", "collector/view/metrics.c"):
        with open(path, encoding="utf-8") as f:
            names |= set(re.findall(r'\{ "((?:glasswatch|process)_\w+)"', f.read()))
    return names | {n + s for n in names for s in ("_bucket", "_sum", "_count")}


def check_query(path, where, expr, known):
    # what a rule records has colons in its name
    for name in re.findall(r"(?<![\w:])glasswatch_\w+(?![\w:])", expr):
        if name not in known:
            complain(path, "%s asks for %s, which there is not" % (where, name))


def check_panel(path, p, seen, known):
    where = "panel \"%s\"" % p["title"]
    if p["type"] not in TYPES:
        complain(path, "%s wants a plugin: %s" % (where, p["type"]))
    if p["id"] in seen:
        complain(path, "%s: its number %d is taken" % (where, p["id"]))
    seen.add(p["id"])
    g = p["gridPos"]
    if g["x"] + g["w"] > 24:
        complain(path, "%s stands outside of the grid" % where)
    if p["type"] in ("row", "text"):
        return
    if not p["title"] or len(p["title"]) > 50:
        complain(path, "%s: a short title" % where)
    if not p["description"].endswith("."):
        complain(path, "%s does not say in sentences what it shows" % where)
    if not p["fieldConfig"]["defaults"].get("unit"):
        complain(path, "%s has no unit" % where)
    if not p["targets"]:
        complain(path, "%s asks nothing" % where)
    for t in p["targets"]:
        if t["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
            complain(path, "%s has a data source of its own" % where)
        check_query(path, where, t["expr"], known)


def overlap(a, b):
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and
            a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def check_board(path, known, uids):
    with open(path, encoding="utf-8") as f:
        d = json.load(f)
    if d.get("id") is not None or "__inputs" in d:
        complain(path, "exported to be imported by hand; to be provisioned it has no id and no __inputs")
    if d["uid"] in uids:
        complain(path, "the uid %s is taken" % d["uid"])
    uids.add(d["uid"])
    if d["templating"]["list"][0]["name"] != "datasource":
        complain(path, "its data source cannot be chosen")
    seen = set()
    for p in d["panels"]:
        check_panel(path, p, seen, known)
    for i, p in enumerate(d["panels"]):
        for q in d["panels"][:i]:
            if overlap(p["gridPos"], q["gridPos"]):
                complain(path, "\"%s\" covers \"%s\"" % (p["title"], q["title"]))
    return len([p for p in d["panels"] if p["type"] not in ("row", "text")])


def promtool(*args):
    r = subprocess.run(["promtool", *args], capture_output=True, text=True)
    if r.returncode:
        complain(args[-1], "promtool %s\n%s" % (" ".join(args[:2]), r.stdout + r.stderr))


def check_rules(known):
    with open(RULES, encoding="utf-8") as f:
        text = f.read()
    with open(RULES.replace(".rules.", ".test."), encoding="utf-8") as f:
        tests = f.read()
    alerts = re.findall(r"- alert: (\w+)", text)
    recorded = re.findall(r"- record: (\S+)", text)
    for name in set(re.findall(r"\b\w*:glasswatch_\w+:\w+|\bglasswatch:\w+:\w+", text)) - set(recorded):
        complain(RULES, "%s is used and not recorded" % name)
    for a in alerts:
        if "  - name: %s\n" % a not in tests:
            complain(RULES, "%s has no test in glasswatch.test.yml" % a)
    check_query(RULES, "a rule", text, known)
    if shutil.which("promtool"):
        promtool("check", "rules", "--lint-fatal", RULES)
        promtool("test", "rules", RULES.replace(".rules.", ".test."))
        promtool("check", "config", "dashboards/prometheus/prometheus.yml")
    else:
        print("  SKIP    promtool is not installed: the rules of Prometheus are NOT checked")
    return len(alerts)


known = metric_names()
uids = set()
panels = sum(check_board(path, known, uids) for path in BOARDS)
alerts = check_rules(known)
if not bad:
    print("  ok      %d boards with %d panels, %d alerts of Prometheus" % (len(BOARDS), panels, alerts))
sys.exit(1 if bad else 0)
