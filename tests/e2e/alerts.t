#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Alerts reach people: a real Alertmanager, a webhook and a Slack-like receiver are told of each alert
once per bundle, whatever is restarted or killed, and that it is over; what is silenced, acknowledged or
of a drill is not told."""
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from collector_scene import (START, Agent, Collector, Redis, Tap, die_with_parent,  # noqa: E402
                             free_port)

ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
TOKEN = "t0ken-of-the-receivers"
tap = Tap()


def ok(good, text, *why):
    return tap.ok(bool(good), text, "\n".join(map(str, why)))


class Receiver:
    """What was posted to it, by path; may be stopped and started again on its port. A notification
    that comes again under its number is the same one, as the collector promises: it may have been
    killed before it had the answer."""

    def __init__(self):
        self.port, self.got, self.heads, self.answer = free_port(), [], [], 200
        self.server, self.numbers, self.reused = None, {}, []

    def start(self, certificate=None):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                number = self.headers["X-Glasswatch-Notification"]
                doc = json.loads(body)
                what = [(a["name"], a["key"]) for a in doc.get("alerts", [])] \
                    if self.path == "/hook" else None
                again = what and number in receiver.numbers
                if again and what != receiver.numbers[number]:
                    receiver.reused.append((number, what, receiver.numbers[number]))
                if receiver.answer == 200 and not again:
                    receiver.numbers[number] = what
                    receiver.got.append((self.path, doc))
                    receiver.heads.append(self.headers)
                self.send_response(receiver.answer)
                if receiver.answer == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *args):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def posts(self, path):
        return [doc for p, doc in self.got if p == path]

    def told(self, name, key, status):
        """How often an alert was told with this status, by the webhook."""
        return sum(a["name"] == name and a["key"] == key and a["status"] == status
                   for doc in self.posts("/hook") for a in doc["alerts"])


class Alertmanager:
    """Debian's, which passes on what it tells to a receiver of ours."""

    def __init__(self, directory, receiver):
        self.dir, self.port = os.path.join(directory, "am"), free_port()
        os.makedirs(self.dir)
        self.url = "http://127.0.0.1:%d" % self.port
        with open(os.path.join(self.dir, "am.yml"), "w", encoding="utf-8") as f:
            f.write("route:\n  receiver: us\n  group_by: [bundle]\n  group_wait: 1s\n"
                    "  group_interval: 1s\n  repeat_interval: 4h\nreceivers:\n- name: us\n"
                    "  webhook_configs:\n  - url: http://127.0.0.1:%d/am\n" % receiver.port)
        self.process = subprocess.Popen(
            ["prometheus-alertmanager", "--config.file=" + os.path.join(self.dir, "am.yml"),
             "--storage.path=" + os.path.join(self.dir, "data"), "--cluster.listen-address=",
             "--web.listen-address=127.0.0.1:%d" % self.port],
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(self.dir, "log"), "wb"),
            preexec_fn=die_with_parent)

    def alerts(self):
        with urllib.request.urlopen(self.url + "/api/v2/alerts", timeout=60) as answer:
            return json.load(answer)

    def names(self):
        return sorted((a["labels"]["alertname"], a["labels"]["key"]) for a in self.alerts())

    def ready(self):
        for _ in range(900):
            try:
                self.alerts()
                return True
            except OSError:
                time.sleep(0.1)
        return False


def said_by_manager(name, status):
    return sum(a["labels"]["alertname"] == name and a["status"] == status
               for doc in hook.posts("/am") for a in doc["alerts"])


def now():
    """A drill is of our own day, so are the events."""
    return time.time() - START.timestamp()


def change(device, to, frm="primary"):
    r.add([agent.change(now(), device, frm, to, "primary-ok", severity="warning")])


def alerts(*args):
    return {(a["name"], a["key"]): a for a in c.json("alerts", *args)}


def state(name, key):
    a = alerts("--state", "all").get((name, key))
    return a and a["state"]


def raise_and_tell():
    docs = []
    for i, device in enumerate(("d1", "d2")):
        docs.append(agent.flow(now(), "flow.start", "u%d" % i, device, "in-band", "203.0.113.77",
                               "attempt", verdict="untrusted", state="S0"))
    r.add(docs)
    change("d1", "in-band-unjustified")
    ok(c.until(lambda: hook.told("untrusted-source", "203.0.113.77", "firing") and
                   hook.told("in-band-unjustified", "d1", "firing")),
           "a webhook is told", hook.got, c.said())
    ok(alerts()["untrusted-source", "203.0.113.77"]["count"] == 2,
           "one source on two devices is one alert, seen twice", alerts())
    ok(c.until(lambda: len(hook.posts("/slack")) >= 2) and
           any("203.0.113.77" in json.dumps(p) for p in hook.posts("/slack")), "Slack, too",
           hook.posts("/slack"))
    ok(c.until(lambda: said_by_manager("untrusted-source", "firing") and
                   said_by_manager("in-band-unjustified", "firing")),
           "Alertmanager tells of both", manager.names(), c.said())
    labels = [a["labels"] for a in manager.alerts() if a["labels"]["alertname"] ==
              "in-band-unjustified"]
    ok(labels and labels[0]["device"] == "d1" and labels[0]["severity"] == "warning" and
           labels[0]["bundle"].startswith("incident/"), "with the labels of the alert", labels)
    heads = hook.heads[[p for p, _ in hook.got].index("/hook")]
    ok(heads["Authorization"] == "Bearer " + TOKEN and heads["X-Glasswatch-Notification"],
           "the webhook gets the token, and the notification's number", str(heads))
    slack = hook.heads[[p for p, _ in hook.got].index("/slack")]
    ok(slack["Authorization"] is None, "Slack gets no token", str(slack))


def restarts():
    # the receiver is away; the collector is killed while the notification waits
    hook.stop()
    change("d3", "unreachable")
    ok(c.until(lambda: "are not delivered" in c.said()),
           "a receiver that is away is named", c.said())
    c.stop(signal.SIGKILL)
    hook.start()
    c.start()
    ok(c.until(lambda: hook.told("device-unreachable", "d3", "firing")),
           "what waited comes after both are back", c.said())
    # killed again at no particular moment: nothing is told a second time
    c.stop(signal.SIGKILL)
    c.start()
    change("d4", "in-band-unexplained")
    ok(c.until(lambda: hook.told("in-band-unexplained", "d4", "firing")), "it goes on")
    hook.answer = 503
    change("d5", "unreachable")
    c.until(lambda: "HTTP 503" in c.said())
    c.stop(signal.SIGKILL)
    hook.answer = 200
    c.start()
    ok(c.until(lambda: hook.told("device-unreachable", "d5", "firing") and
                   said_by_manager("device-unreachable", "firing")),
           "nor does a receiver's 503 lose anything", c.said())
    for name, key in (("untrusted-source", "203.0.113.77"), ("in-band-unjustified", "d1"),
                      ("device-unreachable", "d3"), ("in-band-unexplained", "d4"),
                      ("device-unreachable", "d5")):
        ok(hook.told(name, key, "firing") == 1, "%s of %s was told once" % (name, key),
               hook.posts("/hook"))
        ok(said_by_manager(name, "firing") >= 1 and
           all(sum(a["labels"]["alertname"] == name and a["labels"]["key"] == key
                   for a in doc["alerts"]) <= 1 for doc in hook.posts("/am")) and
           manager.names().count((name, key)) == 1, "and is one in Alertmanager",
           manager.names())
    ok(said_by_manager("in-band-unjustified", "firing") == 1, "which told of it once, too",
       hook.posts("/am"))
    bundles = [doc["bundle"] for doc in hook.posts("/hook")]
    ok(len(bundles) == len(set(bundles)), "one notification for each bundle", bundles)


def resolves():
    change("d1", "primary")
    change("d3", "primary")
    ok(c.until(lambda: hook.told("in-band-unjustified", "d1", "resolved") == 1 and
                   hook.told("device-unreachable", "d3", "resolved") == 1),
           "that it is over is told, too", hook.posts("/hook")[-3:], c.said())
    ok(c.until(lambda: said_by_manager("in-band-unjustified", "resolved")),
           "and by Alertmanager", manager.names(), hook.posts("/am")[-2:])
    ok(state("in-band-unjustified", "d1") == "resolved", "it is resolved")
    shown = c.ask("alerts", str(alerts("--state", "all")["in-band-unjustified", "d1"]["id"]))
    ok("used over lo6 while its Ma1 works" in shown and "the path of d1 is primary now" in
           shown, "`alerts ID` has its history", shown)


def operators():
    c.ask("silence", "--device", "d6", "--for", "1h", "--reason", "works on it", "--by", "frank")
    c.ask("drill", "--device", "d7", "--for", "2h", "--reason", "break-glass drill")
    ok([s["reason"] for s in c.json("silence")] == ["works on it"] and
           [d["device"] for d in c.json("drill")] == ["d7"], "a silence and a drill are in force")
    slip = subprocess.run([c.program, "drill", "--db", c.db, "--device", "d\x1b77", "--for", "2h",
                           "--reason", "a slip"], capture_output=True, text=True)
    ok(slip.returncode == 0 and slip.stdout.startswith("drill ") and
       "no device d\\x1b77 is known so far" in slip.stderr, "a name that no device has is said",
       slip)
    change("d6", "unreachable")
    change("d7", "in-band-unjustified")
    change("d8", "unreachable")  # what comes after them is told, so they are not
    ok(c.until(lambda: hook.told("device-unreachable", "d8", "firing") and
                   ("device-unreachable", "d8") in manager.names()), "another one is told")
    ok(state("device-unreachable", "d6") == "silenced" and
           not hook.told("device-unreachable", "d6", "firing") and
           ("device-unreachable", "d6") not in manager.names(), "what is silenced is not")
    drilled = alerts()["in-band-unjustified", "d7"]
    ok(drilled["drill"] == 1 and drilled["severity"] == "info" and
           not hook.told("in-band-unjustified", "d7", "firing") and
           ("in-band-unjustified", "d7") not in manager.names(), "nor is a drill", drilled)

    source = str(alerts()["untrusted-source", "203.0.113.77"]["id"])
    c.ask("acknowledge", source, "--reason", "we know this scanner", "--by", "frank")
    ok(state("untrusted-source", "203.0.113.77") == "acknowledged", "one is acknowledged")
    r.add([agent.flow(now(), "flow.start", "u9", "d2", "in-band", "203.0.113.77", "attempt",
                      verdict="untrusted", state="S0")])
    c.until(lambda: alerts()["untrusted-source", "203.0.113.77"]["count"] == 3)
    time.sleep(3)
    ok(hook.told("untrusted-source", "203.0.113.77", "firing") == 1,
           "the same again is not told")
    r.add([agent.flow(now(), "flow.update", "u9", "d2", "in-band", "203.0.113.77",
                      "established", verdict="untrusted")])
    ok(c.until(lambda: hook.told("untrusted-source", "203.0.113.77", "firing") == 2) and
           state("untrusted-source", "203.0.113.77") == "open", "that it is worse is told",
           alerts())
    ok(c.until(lambda: [a["labels"]["severity"] for a in manager.alerts()
                            if a["labels"]["alertname"] == "untrusted-source"] == ["warning"]),
           "to Alertmanager, too: one severity, not two", manager.alerts())
    c.ask("silence", "--end", "1")
    ok(c.until(lambda: hook.told("device-unreachable", "d6", "firing") == 1),
           "when the silence ends, what lasts is told", c.said())
    for args, words in ((("acknowledge", "999", "--reason", "x"), "no open alert 999"),
                        (("acknowledge", source), "--reason is missing"),
                        (("silence", "--for", "1h", "--reason", "x"), "silence of everything"),
                        (("silence", "--name", "nonsense", "--for", "1h", "--reason", "x"),
                         "no alert of this name"),
                        (("silence", "--device", "d1", "--reason", "x"), "how long is missing"),
                        (("silence", "--device", "d1", "--for", "2y", "--reason", "x"), "--for"),
                        (("silence", "--end", "77"), "no silence 77"),
                        (("drill", "--for", "1h", "--reason", "x"), "--device is missing"),
                        (("alerts", "999"), "no alert 999"),
                        (("alerts", "--state", "odd"), "one of open")):
        said = c.ask(*args, status=2)
        ok(words in said and said.count("\n") == 1, "%s: one line, exit 2" % " ".join(args),
               said)


def many():
    """More of one bundle than a notification takes; killed when the first of them has come."""
    names = ["n%d" % i for i in range(150)]
    docs = [agent.flow(now(), "flow.start", name, name, "primary", "10.9.9.9", "attempt",
                       state="S0") for name in names]
    for doc in docs:
        doc["trust"] = {"verdict": "no-policy"}
    r.add(docs)
    c.until(lambda: any(doc["bundle"] == "no-policy" for doc in hook.posts("/hook")))
    c.stop(signal.SIGKILL)
    c.start()
    ok(c.until(lambda: all(hook.told("no-policy", name + " ipv4", "firing") for name in names)),
       "each of 150 is told, though a kill comes between", hook.posts("/hook")[-2:], c.said())
    told = [hook.told("no-policy", name + " ipv4", "firing") for name in names]
    sizes = [len(doc["alerts"]) for doc in hook.posts("/hook") if doc["bundle"] == "no-policy"]
    ok(set(told) == {1} and max(sizes) <= 100, "once, by at most 100", told, sizes)


def tls():
    """By a name, with a certificate of our own: refused until we are told to trust it."""
    cert, key = (os.path.join(base, x) for x in ("cert.pem", "key.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                    key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
    safe = Receiver()
    safe.start((cert, key))
    args = ["--stream", "tls", "--alert-wait", "0", "--alert-webhook",
            "https://localhost:%d/hook" % safe.port]
    t = Collector(base, r, "tls", "tls.db", *args)
    t.start()
    r.add([Agent("tls-1").change(now(), "d1", "primary", "unreachable", "primary-ok")], "tls")
    ok(t.until(lambda: "are not delivered" in t.said()) and "certificate" in t.said() and
       not safe.got, "a certificate that nobody vouches for is refused", t.said())
    t.stop()
    t = Collector(base, r, "tls", "tls.db", *args, "--alert-ca", cert)
    t.start()
    started.append(t)
    ok(t.until(lambda: safe.told("device-unreachable", "d1", "firing") == 1),
       "with --alert-ca it is taken", t.said())
    ok(t.stop() == 0, "exit 0", t.said())
    safe.stop()


def hostile():
    evil = "d<!channel>\x1b[31m\u202e"
    change(evil, "unreachable")
    ok(c.until(lambda: any("&lt;!channel&gt;" in json.dumps(p) for p in hook.posts("/slack"))),
       "a name that would like to be markup is text in Slack", c.said())
    slack = json.dumps(hook.posts("/slack"))
    ok("<!channel>" not in slack and "\\u001b" not in slack and "\\u202e" not in slack,
           "no control character goes there", slack[-500:])
    out = c.ask("alerts", "--limit", "0") + c.ask("alerts", "--format", "csv")
    ok("\x1b" not in out and "\u202e" not in out and "\\x1b[31m" in out,
           "nor to a terminal", out)
    # elsewhere is nobody's business
    hook.answer = 302
    change("d9", "unreachable")
    ok(c.until(lambda: "redirects are not followed" in c.said()),
           "a redirect is not followed", c.said())
    hook.answer = 200
    ok(not hook.posts("/elsewhere"), "nothing was sent elsewhere")
    ok(TOKEN not in c.said() and "/hook" not in c.said() and "/slack" not in c.said(),
           "the log has neither the token nor a path", c.said())


if not shutil.which("prometheus-alertmanager"):
    print("1..0 # SKIP prometheus-alertmanager is not installed")
    sys.exit(0)
base = tempfile.mkdtemp(prefix="glasswatch-alerts.")
r, hook, c, manager = Redis(base), Receiver(), None, None
agent, started = Agent(), []
try:
    hook.start()
    manager = Alertmanager(base, hook)
    r.start()
    token = os.path.join(base, "token")
    with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
        f.write(TOKEN + "\n")
    c = Collector(base, r, "c1", "store.db", "--alert-webhook",
                  "http://127.0.0.1:%d/hook" % hook.port, "--alert-slack",
                  "http://127.0.0.1:%d/slack" % hook.port, "--alert-manager", manager.url,
                  "--alert-wait", "1s", "--alert-token", token, "--alert-rate", "0")
    c.start()
    ok(manager.ready(), "Alertmanager runs")
    raise_and_tell()
    restarts()
    resolves()
    operators()
    hostile()
    many()
    tls()
    docs = "".join(json.dumps(e) + "\n" for e in c.json("events"))
    v = subprocess.run([sys.executable, os.path.join(ROOT, "tests/validate_events.py")],
                       input=docs, capture_output=True, text=True)
    ok(v.returncode == 0 and "alert.acknowledged" in v.stdout and "alert.drill" in v.stdout,
           "every event is what the schema says", v.stdout + v.stderr)
    ok(not hook.reused, "a notification's number is that of no other", hook.reused)
    ok(c.ask("verify").startswith("good"), "what operators said is part of the record")
    ok(c.stop() == 0, "exit 0", c.said())
finally:
    for p in (*[x.process for x in started], c and c.process, manager and manager.process, r.process):
        if p and p.poll() is None:
            p.kill()
            p.wait()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
