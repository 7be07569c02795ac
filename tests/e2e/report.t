#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The post-incident report: its facts are those that the agents told, in all three formats, and
its HTML is a page that a browser shows without a complaint and without asking anybody."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Collector, Redis, Tap  # noqa: E402
import report_scene as script  # noqa: E402

tap = Tap()
started = []
base = tempfile.mkdtemp(prefix="gw-report.")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """What is wrong with a page, and its tables as lists of rows."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.wrong, self.open, self.ids, self.tables, self.tags = [], [], set(), [], []
        self.text, self.cell = [], None
        self.feed(text)
        self.close()
        if self.open:
            self.wrong.append("not closed: %s" % self.open)

    def handle_starttag(self, tag, attrs):
        self.start(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.start(tag, attrs)

    def start(self, tag, attrs):
        self.tags.append(tag)
        names = [k for k, _ in attrs]
        d = dict(attrs)
        if len(names) != len(set(names)):
            self.wrong.append("attribute twice: %s" % attrs)
        if "id" in d and d["id"] in self.ids:
            self.wrong.append("id twice: %s" % d["id"])
        self.ids.add(d.get("id"))
        if tag in ("script", "iframe", "img", "form", "object") or "src" in d or "style" in d:
            self.wrong.append("%s %s" % (tag, attrs))
        if any(k.startswith("on") for k in names):
            self.wrong.append("handler: %s" % attrs)
        if not d.get("href", "#").startswith(("#", "data:,")):
            self.wrong.append("leads away: %s" % d["href"])
        if tag == "th" and d.get("scope") not in ("row", "col"):
            self.wrong.append("header of what? %s" % attrs)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.wrong.append("closes %s in %s" % (tag, self.open[-3:]))
        else:
            self.open.pop()
        if tag in ("td", "th"):
            self.tables[-1][-1].append(" ".join("".join(self.cell).split()))
            self.cell = None

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text.append(data)
        if self.cell is not None:
            self.cell.append(data + " ")

    def table(self, first):
        for t in self.tables:
            if t and t[0] and t[0][0] == first:
                return t[1:]
        return []


def fresh(name):
    directory = os.path.join(base, name)
    os.makedirs(directory)
    r = Redis(directory)
    started.append(r)
    r.start()
    c = Collector(directory, r)
    started.append(c)
    c.start()
    return r, c


def feed(r, c, docs):
    """All of it is stored, and nothing comes after it: two questions are of the same record."""
    r.add(docs)
    last = {}
    for d in docs:
        last[d["agent"]] = max(d["seq"], last.get(d["agent"], 0))
    good = c.until(lambda: {a["agent"]: a["last_seq"] for a in c.json("agents")} == last and
                   r.pending() == 0)
    return c.stop() == 0 and good


def number(c, kind):
    return [i["id"] for i in c.json("incidents") if i["kind"] == kind][0]


def took(seconds):
    return "%d min %02d s" % (seconds // 60, seconds % 60)


# ---- the facts ---------------------------------------------------------------------


def facts(doc):
    tap.ok((doc["kind"], doc["switch"], doc["subject"], doc["fabric"], doc["status"]) ==
           ("management-switch", script.SWITCH, "192.0.2.0/26", "fab1", "closed"),
           "it is the management switch of four devices, and over", doc["title"])
    want = [(d[0], d[1], [d[2]], [d[3]], script.when(d[4]), script.when(d[5]), script.when(d[6]),
             script.seconds(d[6]) - script.seconds(d[4])) for d in script.DEVICES]
    got = [(d["name"], d["role"], d["ma1"], d["lo6"], d["lost"], d["first_lo6"], d["back"],
            d["lost_s"]) for d in doc["devices"]]
    tap.ok(got == want, "each device: addresses, lost, first on lo6, back, without Ma1", got)
    tap.ok([d["evidence"] for d in doc["devices"]] ==
           ["SSH from %s unanswered after 3 SYNs" % (script.BOB if i == 2 else script.ALICE)
            for i in range(4)], "and by what it is known", [d["evidence"] for d in doc["devices"]])
    want = [(s[1], s[2], s[3], script.DEVICES[s[4]][0], script.when(s[5]), script.when(s[6]), s[7],
             s[8], "success", "yes", "trusted") for s in script.SESSIONS]
    got = [(s["user"], s["source"], s["source_port"], s["device"], s["start"], s["end"],
            s["source_bytes"], s["destination_bytes"], s["login"]["result"],
            s["justified"]["answer"], s["trust"]["verdict"]) for s in doc["sessions"]]
    tap.ok(got == want, "each session once, though one was seen by two agents", got)
    u = doc["untrusted"]
    tap.ok(len(u) == 1 and
           (u[0]["source"], u[0]["device"], u[0]["path"], u[0]["attempts"], u[0]["established"],
            u[0]["logged_in"], u[0]["first"], u[0]["outcome"], u[0]["would_trust"]) ==
           (script.STRANGER, "fab1-CP2-TOR1", "in-band", 14, 0, 0, script.when("01:26:40"),
            "refused", [script.APART[0]]), "the stranger: 14 attempts, and who would let it in", u)
    tap.ok([w["prefix"] for w in u[0]["walk"]] == [e["prefix"] for e in script.lists()] and
           u[0]["implicit"], "and the list that did not, entry by entry", u[0])
    tap.ok([(b["device"], b["state"], b["time"]) for b in doc["bgp"]] ==
           [("fab1-AR-CE1", "down", script.when("01:36:10")),
            ("fab1-AR-CE1", "up", script.when("01:36:41"))], "BGP", doc["bgp"])
    said = [m["text"] for m in doc["timeline"] if m["what"] == "alert"]
    tap.ok([a["name"] for a in doc["alerts"] if a["name"] != "untrusted-source"] ==
           ["management-switch-suspected", "bgp-session-down"] and
           [a["text"] for a in doc["alerts"] if a["text"] not in said] == [],
           "its alerts, that of the switch first, each among its moments", (doc["alerts"], said))
    gaps = {g["kind"]: g for g in doc["gaps"]}
    stopped = gaps.get("not-running", {})
    tap.ok((stopped.get("agent"), stopped.get("from"), stopped.get("to"), doc["unseen_s"]) ==
           ("jump-2", script.when("01:28:20"), script.when("01:29:07"), 47.0) and
           "inferred" in gaps and "always" in gaps, "what was not seen: 47 s of an agent", gaps)
    tap.ok([g["generation"] for g in doc["policy"]["generations"]] == [script.GENERATION] and
           doc["policy"]["generations"][0]["since"] == script.when("00:01:00") and
           not doc["policy"]["changes"], "the policy that was in force", doc["policy"])
    tap.ok(doc["record"]["agents"] and len(doc["record"]["hash"]) == 64 and
           doc["record"]["flows"] == 5 + 4 + 4 + 14, "and the record behind it", doc["record"])
    times = [m["time"] for m in doc["timeline"]]
    tap.ok(times == sorted(times) and [m["what"] for m in doc["timeline"]].count("session") == 5 and
           [m["count"] for m in doc["timeline"] if m["what"] == "UNTRUSTED"] == [14],
           "its moments are in order", doc["timeline"])
    return doc


def scrubbed(doc):
    """The changes alone give the state of each device at any moment."""
    def at(t):
        now = {}
        for c in doc["changes"]:
            if c["t"] <= t:
                now[c["device"]] = (c["path"], c["open"])
        return [now.get(d[0]) for d in script.DEVICES]

    for clock, want in (
            ("01:15:00", [("primary-failing", 0)] * 4),
            ("01:23:00", [("in-band", 1), ("in-band", 1), ("in-band", 1), ("primary-failing", 0)]),
            ("01:31:00", [("in-band", 1), ("in-band", 0), ("in-band", 1), ("in-band", 1)]),
            ("01:51:35", [("primary", 0), ("in-band", 0), ("primary", 0), ("in-band", 0)])):
        tap.ok(at(script.when(clock)) == want, "the state at %s, from the changes" % clock,
               at(script.when(clock)))


def said(doc, text, name):
    """The same facts, as people read them."""
    lost = [script.seconds(d[4]) for d in script.DEVICES]
    back = [script.seconds(d[6]) for d in script.DEVICES]
    flat = " ".join(text.split())
    missing = [p for p in doc["words"] if " ".join(p.split()) not in flat]
    tap.ok(not missing, "%s: the three paragraphs" % name, missing)
    want = ["All four devices of Ma1 subnet 192.0.2.0/26 lost Ma1 within %d s" %
            (max(lost) - min(lost)),
            "alice and bob used lo6 for five sessions. Each was justified",
            "One untrusted source, 203.0.113.77, tried fab1-CP2-TOR1 14 times and did not get in.",
            "The list of fab1-CP3-TOR2 would let it in.",
            "Ma1 answered again from 01:51:22, and all were back by 01:51:48, after %s." %
            took(max(back) - min(lost)), "47 s of it were not seen in full."]
    missing = [w for w in want if w not in flat]
    tap.ok(not missing, "%s: and they are true" % name, missing)
    want = [took(b - a) for a, b in zip(lost, back)]
    want += [f["label"] for f in doc["figures"]] + [doc["record"]["hash"]]
    missing = [w for w in want if w not in flat]
    tap.ok(not missing, "%s: durations, figures, the record's hash" % name, missing)


def rows(page):
    got = [(r[0], r[3], r[5], r[6], r[7]) for r in page.table("Device")]
    want = [(d[0], d[4], d[5], d[6], took(script.seconds(d[6]) - script.seconds(d[4])))
            for d in script.DEVICES]
    tap.ok(got == want, "html: the table of devices", got)
    got = [(r[0].split()[0], r[1]) for r in page.table("Began, lasted")]
    tap.ok(got == [(s[5], s[1]) for s in script.SESSIONS], "html: the table of sessions", got)
    got = page.table("Source")
    tap.ok(len(got) == 1 and got[0][0] == script.STRANGER and got[0][6:] == ["14", "0", "0"],
           "html: the table of untrusted sources", got)


# ---- the page ---------------------------------------------------------------------------


def browse(path, *args):
    profile = tempfile.mkdtemp(dir=base)
    r = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--no-first-run",
         "--enable-logging=stderr", "--user-data-dir=" + profile, *args, "file://" + path],
        capture_output=True, timeout=120)
    log = r.stderr.decode(errors="replace")
    return r.stdout.decode(errors="replace"), [x for x in log.splitlines() if "CONSOLE" in x]


def shown(path, name, title):
    if not CHROMIUM:
        tap.ok(True, "%s in a browser # SKIP there is no chromium here" % name)
        return
    dom, console = browse(path, "--dump-dom")
    tap.ok(title in dom and "</html>" in dom, "%s: chromium reads it to its end" % name,
           dom[:300])
    tap.ok(not console, "%s: and does not complain" % name, "\n".join(console))
    tap.ok("<script" not in dom and dom.count("<svg") >= 1, "%s: nothing in it runs" % name)
    for mode, scheme in (("light", 1), ("dark", 0)):
        png = os.path.join(base, "%s-%s.png" % (name, mode))
        browse(path, "--screenshot=" + png, "--hide-scrollbars", "--window-size=1200,2400",
               "--blink-settings=preferredColorScheme=%d" % scheme)
        tap.ok(os.path.exists(png) and os.path.getsize(png) > 50000,
               "%s: drawn in the %s" % (name, mode), glob.glob(base + "/*"))


def sane(text, name):
    page = Page(text)
    tap.ok(not page.wrong, "%s is well-formed, and stands by itself" % name, page.wrong)
    want = {"header", "main", "footer", "nav", "h1", "svg", "table", "figure"}
    tap.ok(want <= set(page.tags) and page.tags.count("h1") == 1 and
           page.tags.count("main") == 1 and '<html lang="en">' in text and
           "default-src 'none'" in text, "%s has its landmarks" % name, want - set(page.tags))
    return page


# ------------------------------------------------------------------------------------------


def whole():
    r, c = fresh("whole")
    tap.ok(feed(r, c, script.fleet_scene()), "the scene is stored")
    n = str(number(c, "management-switch"))
    doc = facts(c.json("report", n))
    scrubbed(doc)
    md = c.ask("report", n)
    said(doc, md, "md")
    tap.ok(md.startswith("# fab1-AR-MGMT1 is suspected to have failed at 01:14;") and
           all(len(x) < 400 for x in md.splitlines()), "md: its title", md[:200])
    text = c.ask("report", n, "--format", "html")
    path = os.path.join(base, "report.html")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    page = sane(text, "html")
    said(doc, "".join(page.text), "html")
    rows(page)
    shown(path, "report", doc["title"])

    other = str(number(c, "untrusted-source"))
    source = c.json("report", other)
    tap.ok(source["subject"] == script.STRANGER and
           source["title"].startswith("Untrusted source 203.0.113.77 tried fab1-CP2-TOR1") and
           source["figures"][0]["value"] == "14", "the untrusted source has a report of its own",
           source["title"])
    sane(c.ask("report", other, "--format", "html"), "its html")

    tap.ok("no incident 77" in c.ask("report", "77", status=2), "an unknown incident is exit 2")
    tap.ok("one of md, html, json" in c.ask("report", n, "--format", "csv", status=2),
           "a format that is none is exit 2")
    tap.ok("incident" in c.ask("report", status=2).lower(), "so is no number")


def unfinished():
    """In the middle of it: what is not known is not said."""
    r, c = fresh("open")
    docs = [d for d in script.fleet_scene() if d["time"] < script.when("01:36:20")]
    feed(r, c, docs)
    doc = c.json("report", str(number(c, "management-switch")))
    tap.ok(doc["status"] == "open" and "none has it back" in doc["title"] and
           "It is not over" in doc["words"][2] and not any("back" in d for d in doc["devices"]),
           "an open incident says so", doc["words"])
    tap.ok([s["open"] for s in doc["sessions"]] == [True, False, True, True, True] and
           doc["sessions"][0]["login"]["text"] == "not decided yet",
           "and which sessions are", doc["sessions"])
    text = c.ask("report", str(doc["id"]), "--format", "html")
    page = sane(text, "its html")
    tap.ok("still open" in "".join(page.text) and "not yet" in "".join(page.text),
           "the page says what is not over")


def hostile():
    """Who writes names and texts cannot write the page."""
    bad = "<script>alert(1)</script>\"'&amp;\u202e`|"
    docs = script.fleet_scene()
    for d in docs:
        if d.get("actor"):
            d["actor"]["user"] = bad
        if d.get("ssh"):
            d["ssh"]["client"]["software_version"] = bad
        for m in d.get("bgp", {}).get("notifications", []):
            m["text"] = bad
        if d.get("device", {}).get("name") == script.DEVICES[1][0]:
            d["device"]["name"] = "fab1-" + bad
        if d["type"] == "path.change":
            d["change"]["reason"] = bad
    r, c = fresh("hostile")
    tap.ok(feed(r, c, docs), "a scene with hostile names is stored")
    n = str([i["id"] for i in c.json("incidents") if i["kind"] != "untrusted-source"][0])
    text = c.ask("report", n, "--format", "html")
    path = os.path.join(base, "hostile.html")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    sane(text, "hostile html")
    tap.ok("\u202e" not in text and "\\xe2\\x80\\xae" in text and "&lt;script&gt;" in text,
           "hostile html: harmless, and to be seen")
    shown(path, "hostile", "glasswatch")
    md = re.sub(r"```text\n.*?\n```", "", c.ask("report", n), flags=re.S)
    tap.ok(not re.search(r"(?<!\\)<script", md) and "\u202e" not in md,
           "hostile md: no tag is left", md[:500])
    for line in md.splitlines():
        if line.startswith("| ") and len(re.findall(r"(?<!\\)\|", line)) not in range(3, 13):
            tap.ok(False, "hostile md: a row has another number of cells", line)
    json.loads(c.ask("report", n, "--format", "json"))


def without_reason():
    """The session over lo6 is no evidence of Ma1: it is named as none, least of all as a failure."""
    r, c = fresh("without")
    a = script.Agent("jump-1")
    for at, device in enumerate(script.DEVICES[:3]):
        flow = "s%d" % at
        if at == 1:  # Ma1 answers
            a.flow("flow.start", "ma1", device, "primary", script.ALICE, 45000, "established",
                   script.when("01:00:00"), script.when("01:00:00"), "S1", "trusted", (3, 2),
                   (200, 160))
        if at == 2:  # or would not have us
            a.flow("flow.end", "no", device, "primary", script.ALICE, 45001, "refused",
                   script.when("01:00:30"), script.when("01:00:30"), "REJ", "trusted", (1, 1),
                   (60, 40))
        a.flow("flow.start", flow, device, "in-band", script.ALICE, 46000 + at, "established",
               script.when("01:01:00"), script.when("01:01:00"), "S1", "trusted", (3, 2),
               (200, 160))
        state, reason = (("in-band-unexplained", "no-evidence"),
                         ("in-band-unjustified", "primary-ok"),
                         ("in-band", "primary-refused"))[at]
        a.change(script.when("01:01:00"), device, "primary", state, reason, [flow])
    tap.ok(feed(r, c, a.docs), "sessions without a failure of Ma1 are stored")
    reports = [c.json("report", str(i["id"])) for i in c.json("incidents")]
    said = {d["name"]: d["evidence"] for doc in reports for d in doc["devices"]}
    words = " ".join(w for doc in reports for w in doc["words"])
    tap.ok(said == {script.DEVICES[0][0]: "nothing was seen of Ma1",
                    script.DEVICES[1][0]: "Ma1 answers",
                    script.DEVICES[2][0]: "Ma1 refused the connection"} and
           "stalled" not in words and
           "nothing shows whether Ma1 worked. " in words and "although Ma1 worked. " in words and
           "Ma1 refused the connection. " in words,
           "and what is known of Ma1 is all that is said of it", (said, words))


try:
    whole()
    unfinished()
    without_reason()
    hostile()
finally:
    for s in reversed(started):
        if isinstance(s, Redis):
            s.kill()
        elif s.process:
            s.stop()
    if not os.environ.get("KEEP"):
        shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
