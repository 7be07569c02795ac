#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes a real collector, while agents tell of all that can happen: the query of each
panel of each board, and all that a rule asks for, must have an answer; and the numbers are right."""
import datetime
import glob
import http.server
import json
import operator
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import collector_scene  # noqa: E402
from collector_scene import (Agent, Collector, Redis, Tap, die_with_parent,  # noqa: E402
                             free_port)

ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
BUILD = os.environ.get("BUILD", "build")
NS = "gwm%d" % os.getpid()
tap = Tap()

for program in ("prometheus", "promtool", "redis-server"):
    if not shutil.which(program):
        print("1..0 # SKIP %s is not installed: queries of boards and rules are NOT checked" % program)
        sys.exit(0)


def get(url, accept=None):
    """(status, content type, text)"""
    r = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
    try:
        with urllib.request.urlopen(r, timeout=60) as f:
            return f.status, f.headers["Content-Type"], f.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"], e.read().decode()


# ---- Prometheus -----------------------------------------------------------------------------

class Prometheus:
    """One of its own: configuration, data and port."""

    def __init__(self, directory, target):
        self.port = free_port()
        self.dir = directory
        self.log = os.path.join(directory, "prometheus.log")
        shutil.copy(os.path.join(ROOT, "dashboards/prometheus/glasswatch.rules.yml"), directory)
        with open(os.path.join(directory, "prometheus.yml"), "w", encoding="utf-8") as f:
            f.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                    "rule_files: [glasswatch.rules.yml]\n"
                    "scrape_configs:\n  - job_name: glasswatch\n"
                    "    static_configs: [{targets: [\"%s\"]}]\n" % target)
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["prometheus", "--config.file", os.path.join(self.dir, "prometheus.yml"),
             "--storage.tsdb.path", os.path.join(self.dir, "data"), "--log.level", "warn",
             "--web.listen-address", "127.0.0.1:%d" % self.port],
            stdout=subprocess.DEVNULL, stderr=open(self.log, "w", encoding="utf-8"),
            preexec_fn=die_with_parent)

    def api(self, path, **query):
        text = get("http://127.0.0.1:%d/api/v1/%s?%s" % (self.port, path,
                                                         urllib.parse.urlencode(query)))[2]
        doc = json.loads(text)
        if doc["status"] != "success":
            raise AssertionError(doc.get("error"))
        return doc["data"]

    def ask(self, expr):
        """[(labels, value)], without what is no number: a quantile of nothing."""
        data = self.api("query", query=expr)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(r["metric"], float(r["value"][1])) for r in data["result"]
                if r["value"][1] != "NaN"]

    def value(self, expr):
        """The one value; None when there is not exactly one."""
        found = self.ask(expr)
        return found[0][1] if len(found) == 1 else None

    def scrapes(self):
        try:
            return int(self.value('count_over_time(up{job="glasswatch"}[1h])') or 0)
        except (OSError, AssertionError, ValueError):  # not up yet
            return 0

    def wait(self, more):
        """That many scrapes from now."""
        wanted = self.scrapes() + more
        return c.until(lambda: self.scrapes() >= wanted)


def follow(url):
    """A client of the live stream; None where this collector has none."""
    try:
        return urllib.request.urlopen(url + "/api/v1/stream", timeout=60)
    except urllib.error.HTTPError:
        return None


class Hook(http.server.BaseHTTPRequestHandler):
    """A receiver of notifications."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


# ---- what happens ----------------------------------------------------------------------------

def stats(generated, waiting, dropped=0, **more):
    """As agent/report.c and agent/outbox.c write it; counters that grow with `generated`."""
    capture = {k: generated * n for n, k in enumerate(
        ("packets", "watched", "flows", "records", "dropped_ring_full", "dropped_map_full",
         "parse_short", "parse_bad", "later_fragments", "other_interface", "icmp_errors", "syns",
         "half_open_untold", "dropped_ring_reserve"), 1)}
    engine = {k: generated * n for n, k in enumerate(
        ("events", "flows", "flows_now", "late_packets", "table_full", "found_by_sweep",
         "path_changes", "routes_now", "routes_refused", "attempts_summed"), 1)}
    return dict({"capture": capture, "engine": engine,
                 "delivery": {"generated": generated, "waiting": waiting,
                              "acknowledged": generated - waiting - dropped,
                              "waiting_bytes": waiting * 900,
                              "dropped": {"outbox-full": dropped, "outbox-unwritten": 0}},
                 "interfaces": {"oob0": True, "oob1": False},
                 "heartbeat": {"interval_s": 10.0}}, **more)


SSH = {"client": {"proto_version": "2.0", "software_version": "OpenSSH_9.2p1"},
       "server": {"proto_version": "2.0", "software_version": "OpenSSH_8.7"}}
IN = dict(SSH, auth={"result": "success", "attempts": 1, "confidence": "high",
                     "basis": "packet-lengths"})


def fabric(a, device, last, at=0):
    return a.event(at, "fabric.device", device={"name": device, "role": "tor"}, fabric={
        "file": device + ".cfg",
        "management": [{"interface": "Management1", "vrf": "MGMT",
                        "addresses": ["10.1.0.%d/24" % last]}],
        "loopbacks": [{"interface": "Loopback6", "vrf": "INFRA-MGMT",
                       "addresses": ["10.30.0.%d/32" % last]}],
        "prefix_lists": {}, "ipv6_prefix_lists": {}, "neighbors": [],
        "targets": [{"address": "10.1.0.%d" % last, "path": "primary"},
                    {"address": "10.30.0.%d" % last, "path": "in-band"}]})


def before(a, b):
    """What is there before the first scrape: so that all that follows is a step."""
    for x in (a, b):
        yield x.event(0, "agent.start")
        yield x.event(1, "agent.stats", stats=stats(100, 3))
    for n, device in enumerate(("tor1", "tor2", "tor3", "tor4"), 11):
        yield fabric(a, device, n)


def session(a, flow, device, source="10.20.0.5", verdict="trusted", end=True, **more):
    yield a.flow(20, "flow.start", flow, device, "in-band", source, "attempt", state="S0",
                 verdict=verdict)
    yield a.flow(21, "flow.update", flow, device, "in-band", source, "established", start=20,
                 verdict=verdict, ssh=IN, **more)
    if end:
        yield a.flow(25, "flow.end", flow, device, "in-band", source, "closed", start=20,
                     state="SF", verdict=verdict, ssh=IN, **more)


def scene(a, b):
    """Ma1 of three devices fails; alice and bob go over lo6; an untrusted source gets in; the
    in-band path of one device fails too; one session has no reason; routes, BGP, losses."""
    for n, device in enumerate(("tor1", "tor2", "tor3")):
        flow = "p%d" % n
        yield a.flow(10 + n, "flow.start", flow, device, "primary", "10.20.0.5", "attempt", state="S0")
        yield a.change(12 + n, device, "primary", "primary-failing", "primary-unanswered", [flow],
                       "warning")
        yield a.flow(15 + n, "flow.end", flow, device, "primary", "10.20.0.5", "unanswered",
                     start=10 + n, state="S0")
    yield from session(a, "s1", "tor1", end=False)
    yield from session(a, "s2", "tor1", source="10.20.0.6")
    yield a.change(22, "tor1", "primary-failing", "in-band", "primary-unanswered", ["p0", "s1"],
                   "warning")
    yield from session(a, "s3", "tor2", end=False)
    yield a.change(22, "tor2", "primary-failing", "in-band", "primary-unanswered", ["p1", "s3"],
                   "warning")
    yield a.change(23, "tor3", "primary-failing", "unreachable", "in-band-unanswered", ["p2"],
                   "critical")
    # tor4: its Ma1 works
    yield a.flow(10, "flow.start", "w", "tor4", "primary", "10.20.0.5", "established")
    yield from session(a, "s4", "tor4", source="10.20.0.9", end=False)
    yield a.change(22, "tor4", "primary", "in-band-unjustified", "primary-ok", ["w", "s4"], "warning")
    yield from session(a, "s5", "tor4", source="10.20.0.10")
    # who is not trusted
    for i in range(3):
        yield a.flow(24, "flow.start", "u%d" % i, "tor4", "in-band", "203.0.113.77", "attempt",
                     state="S0", verdict="untrusted", port=40000 + i)
        yield a.flow(24, "flow.end", "u%d" % i, "tor4", "in-band", "203.0.113.77", "refused",
                     state="REJ", verdict="untrusted", port=40000 + i)
    yield from session(a, "x1", "tor4", source="203.0.113.78", verdict="untrusted", end=False)
    yield from session(a, "x2", "tor4", source="203.0.113.79", verdict="no-policy")
    route = a.flow(25, "flow.start", "b", "tor2", "in-band", "10.9.0.1", "established", port=179)
    del route["flow"]
    a.seq -= 1
    yield a.event(25, "bgp.route", device={"name": "tor2", "role": "tor"}, path="in-band",
                  service="bgp", source=route["source"], destination=route["destination"],
                  bgp={"route": {"action": "withdraw", "prefix": "10.30.0.12/32", "from": "source",
                                 "target": "10.30.0.12", "armed": False}})
    yield a.event(26, "policy.loaded", change={"devices": 4, "targets": 8, "policies": 1,
                                               "problems": 0})
    # b has lost 5 events, and 2 of its numbers never come
    b.seq += 2
    yield b.event(26, "agent.loss", "warning", loss={
        "reason": "outbox-full", "count": 5, "from": collector_scene.when(1),
        "to": collector_scene.when(2), "types": {"flow.start": 5}})
    yield a.event(27, "agent.stats", stats=stats(170, 7))
    yield b.event(27, "agent.stats", stats=stats(180, 9, 5))


# ---- the test -------------------------------------------------------------------------------

def variables(expr):
    """As Grafana fills them in, for a span of some minutes."""
    return (expr.replace("$__rate_interval", "1m").replace("$__range", "10m")
            .replace("$agent", ".*"))


def selectors(expr):
    """Each name with its labels that an expression asks for."""
    return set(re.findall(r"(?:\b\w*:)?\bglasswatch\w*(?::\w+)*(?:\{[^}]*\})?|\bup\{[^}]*\}", expr))


def there(expr):
    return c.until(lambda: p.ask(expr), 20)


def check_boards():
    asked = 0
    for path in sorted(glob.glob(os.path.join(ROOT, "dashboards/grafana/*.json"))):
        with open(path, encoding="utf-8") as f:
            board = json.load(f)
        empty = []
        for panel in board["panels"]:
            for t in panel.get("targets", []):
                asked += 1
                if not there(variables(t["expr"])):
                    empty.append("%s: %s" % (panel["title"], t["expr"]))
        for v in board["templating"]["list"]:
            if v["type"] == "query":
                name = re.match(r"label_values\((\w+), \w+\)", v["definition"]).group(1)
                if not there(name):
                    empty.append("variable " + v["name"])
        tap.ok(not empty, "%s: each panel has data" % board["title"], "\n".join(empty))
    return asked


def check_rules(never):
    """Each rule was evaluated without an error, and each series it asks for is there."""
    rules = [r for g in p.api("rules")["groups"] for r in g["rules"]]
    bad = ["%s: %s" % (r["name"], r.get("lastError")) for r in rules if r["health"] != "ok"]
    tap.ok(len(rules) > 40 and not bad, "%d rules are evaluated" % len(rules), "\n".join(bad))
    empty = ["%s: %s" % (r["name"], s) for r in rules for s in sorted(selectors(r["query"]))
             if s not in never and not there(s)]
    tap.ok(not empty, "all that a rule asks for is there", "\n".join(empty))
    empty = [r["name"] for r in rules if r["type"] == "recording" and not there(r["name"])]
    tap.ok(not empty, "each recording rule records", "\n".join(empty))


def firing():
    return {a["labels"]["alertname"] for a in p.api("alerts")["alerts"]}


def real_agent():
    """An agent of flesh and blood, in a network namespace; None without the rights."""
    if os.geteuid() != 0:
        return None
    for args in (("netns", "add", NS), ("-n", NS, "link", "add", "w0", "type", "veth", "peer", "w1"),
                 ("-n", NS, "link", "set", "w0", "up"), ("-n", NS, "link", "set", "w1", "up")):
        subprocess.run(["ip", *args], check=True)
    return subprocess.Popen(
        ["ip", "netns", "exec", NS, os.path.abspath(os.path.join(BUILD, "glasswatch-agent")), "run",
         "--fabric", os.path.join(ROOT, "tests/lab/fabric"), "-i", "w0", "--name", "real",
         "--redis", "unix://" + sock, "--state", os.path.join(base, "state"), "--capture", "pcap",
         "--stats", "1s"], stderr=open(os.path.join(base, "agent.log"), "ab"),
        preexec_fn=die_with_parent)


base = tempfile.mkdtemp(prefix="glasswatch-metrics.")
sock = os.path.join(base, "redis.sock")
redis, c, agent, p = Redis(base), None, None, None
hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=hook.serve_forever, daemon=True).start()
try:
    # so that what is told is fresh, as it is with live agents
    collector_scene.START = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=60)
    redis.start("--unixsocket", sock)
    port = free_port()
    api = "http://127.0.0.1:%d" % port
    c = Collector(base, redis, "c1", "store.db", "--listen", "127.0.0.1:%d" % port,
                  "--alert-webhook", "http://127.0.0.1:%d/hook" % hook.server_port,
                  "--alert-webhook", "http://127.0.0.1:%d/nobody" % free_port())
    c.start()
    agent = real_agent()
    a, b = Agent("mgmt-1"), Agent("mgmt-2")
    redis.add(before(a, b))
    tap.ok(c.until(lambda: "mgmt-2" in get(api + "/metrics")[2]), "/metrics answers", c.said())
    p = Prometheus(base, "127.0.0.1:%d" % port)
    p.start()
    tap.ok(c.until(lambda: p.scrapes() >= 2), "Prometheus scrapes it", open(p.log).read())
    # A scrape that takes longer than the second between two of them counts as down: whatever is
    # asked of Prometheus below is asked again until it has scraped in time.
    tap.ok(c.until(lambda: p.value('up{job="glasswatch"}') == 1), "and understands all of it",
           p.api("targets")["activeTargets"])

    redis.add(scene(a, b))
    redis.add(["no event", b"\xff\xfe"])
    redis.add([{"v": 1, "id": "mgmt-1/1", "agent": "mgmt-1", "seq": 1}])
    c.until(lambda: redis.pending() == 0)
    for path in ("/api/v1/summary", "/api/v1/flows", "/api/v1/incidents", "/api/v1/flows?limit=x",
                 "/api/v1/nothing", "/healthz"):
        get(api + path)
    stream = follow(api)
    # mgmt-1 beats once more: what it and mgmt-2 count has grown between scrapes
    p.wait(2)
    redis.add([a.event(40, "agent.stats", stats=stats(200, 2)),
               b.event(40, "agent.stats", stats=stats(220, 1, 8))])
    for path in ("/api/v1/summary", "/api/v1/flows", "/metrics"):
        get(api + path)
    c.until(lambda: p.value('glasswatch_agent_events_generated_total{agent="mgmt-1"}') == 200)
    c.until(lambda: p.ask("glasswatch_group_lag"))  # every 5 s
    p.wait(3)

    status, kind, page = get(api + "/metrics")
    tap.ok(status == 200 and kind.startswith("text/plain; version=0.0.4"), "its type is Prometheus'", kind)
    r = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    tap.ok(r.returncode == 0 and not r.stderr, "promtool finds no fault in it", r.stdout + r.stderr)
    tap.ok(len(page.splitlines()) < 3000, "it is short: %d lines" % len(page.splitlines()))
    tap.ok(not re.search(r"203\.0\.113|10\.20\.0|10\.30\.0|alice|tor[1-4]", page),
           "no address, user or device is in it", page)
    status, kind, page = get(api + "/metrics", "application/openmetrics-text; version=1.0.0")
    tap.ok(kind.startswith("application/openmetrics-text") and page.endswith("# EOF\n"),
           "OpenMetrics for whom asks for it", kind)

    def unaccounted():
        return sorted((m["agent"], v) for m, v in p.ask("agent:glasswatch_events_unaccounted:max"))

    agents = ["mgmt-1", "mgmt-2"] + (["real"] if agent else [])
    tap.ok(c.until(lambda: unaccounted() == [(x, 0) for x in agents]),
           "generated = acknowledged + waiting + dropped, of each agent", unaccounted())
    for expr, wanted in (
            ('glasswatch_agent_events_dropped_total{agent="mgmt-2", reason="outbox-full"}', 8),
            ('glasswatch_agent_events_missing{agent="mgmt-2"}', 2),
            ('glasswatch_agent_interface_up{agent="mgmt-1", interface="oob1"}', 0),
            ('glasswatch_events_dead_total', 3),
            ('glasswatch_flows_total{service="ssh", path="in-band", verdict="untrusted", '
             'outcome="refused"}', 3),
            ('glasswatch_flows_established_total{service="ssh", path="in-band", '
             'verdict="untrusted"}', 1),
            ('glasswatch_flows_open{service="ssh", path="in-band", verdict="untrusted", '
             'outcome="established"}', 1),
            ('sum(glasswatch_breakglass_sessions_open)', 4),
            ('glasswatch_breakglass_sessions_open{justified="no"}', 2),
            ('sum(glasswatch_breakglass_sessions_total)', 3),
            ('glasswatch_devices{state="unreachable"}', 1),
            ('glasswatch_devices{state="in-band-unjustified"}', 1),
            ('glasswatch_devices{state="in-band"}', 2),
            ('glasswatch_loopbacks{armed="no"}', 1),
            ('glasswatch_incidents_open{kind="untrusted-source", drill="no"} > 0', 2),
            ('glasswatch_group_pending', 0),
            ('glasswatch_chain_places_total - glasswatch_store_events_total'
             ' - glasswatch_store_dead_letters', 0),
            ('glasswatch_redis_up', 1), ('glasswatch_store_readable', 1),
            ('glasswatch_stream_clients', 1 if stream else 0)):
        tap.ok(c.until(lambda: p.value(expr) == wanted), "%s is %g" % (expr, wanted), p.ask(expr))

    def listed_and_counted():
        return len(c.json("events")), p.value("glasswatch_store_events_total") or -99

    tap.ok(c.until(lambda: abs(operator.sub(*listed_and_counted())) <= 5),
           "as many events as `events` lists", listed_and_counted())

    asked = check_boards()
    tap.ok(asked > 90, "%d queries were asked" % asked)
    # 5xx: the API has not failed so far
    check_rules({'glasswatch_api_request_seconds_count{code=~"5.."}'})
    wanted = {"GlasswatchUntrustedEstablished", "GlasswatchUnjustified", "GlasswatchUntrustedSource",
              "GlasswatchDeviceUnreachable", "GlasswatchEventsDropped", "GlasswatchEventsMissing",
              "GlasswatchCaptureDrops", "GlasswatchDeadLetters", "GlasswatchInterfaceDown",
              "GlasswatchNotArmed", "GlasswatchDeliveriesFailing", "GlasswatchUnattended"}
    tap.ok(c.until(lambda: wanted <= firing()), "alerts fire, or are about to", wanted - firing())
    untrue = {"GlasswatchIdentityViolated", "GlasswatchCollectorDown", "GlasswatchRedisDown",
                    "GlasswatchStoreFailing", "GlasswatchStoreUnreadable", "GlasswatchNoLeader",
                    "GlasswatchTwoLeaders", "GlasswatchCollectorAbsent"}
    tap.ok(c.until(lambda: not firing() & untrue), "and none that is not true", firing() & untrue)

    redis.kill()
    tap.ok(c.until(lambda: p.value("glasswatch_redis_up") == 0 and
                   not p.ask("glasswatch_group_lag")), "without Redis: down, and the lag is not known",
           p.ask("glasswatch_group_lag"))
    if stream:
        stream.close()
    tap.ok(c.stop() == 0, "exit 0", c.said())
finally:
    for x in (agent, c and c.process, redis.process, p and p.process):
        if x and x.poll() is None:
            x.send_signal(signal.SIGKILL)
            x.wait()
    hook.shutdown()
    subprocess.run(["ip", "netns", "del", NS], stderr=subprocess.DEVNULL)
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
