#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP API of a running collector: every route demands its token and answers as
the OpenAPI document says, pages join, errors are errors, limits hold, and who follows
the stream misses nothing, whatever is killed."""
import csv
import io
import ipaddress
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from api_client import Api, Stream  # noqa: E402
from collector_scene import Agent, Collector, Redis, Tap, free_port, scene  # noqa: E402

import jsonschema  # noqa: E402

tap = Tap()
started = []
OPEN = {"/healthz", "/readyz"}
V = "/api/v1"


def program(*args):
    return subprocess.run([os.path.join(os.environ.get("BUILD", "build"), "glasswatch-collector"),
                           *args], capture_output=True, text=True)


def make_token(name, right, path):
    out = program("token", name, "--right", right).stdout.splitlines()
    with open(path, "a", encoding="utf-8") as f:
        f.write(out[1].split(": ", 1)[1] + "\n")
    os.chmod(path, 0o640)
    return out[0].split(": ", 1)[1]


def collector(name, redis, *more, token=None, tls=None):
    port = free_port()
    c = Collector(base, redis, name, name + ".db", "--listen", "127.0.0.1:%d" % port, *more)
    started.append(c)
    return c, Api(port, token, tls)


def serving(c, api):
    def up():
        try:
            return api.ask("/healthz").status == 200
        except OSError:
            return False
    return c.until(up)


def one(path):
    """A path without {id}."""
    return path.replace("{id}", "1")


# ---- the document, and who may ask ------------------------------------------------------

def document(api):
    spec = api.learn()
    refs, seen = [], []

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                refs.append(node)
            for v in node.values():
                walk(v)
        elif isinstance(node, list):
            for v in node:
                walk(v)

    walk(spec)
    lost = [n["$ref"] for n in refs if not _resolves(api, n)]
    tap.ok(refs and not lost, "every reference of the OpenAPI document leads somewhere", lost)
    for name, schema in spec["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if '"#/components/schemas/%s"' % name not in json.dumps(spec):
            lost.append(name)
    tap.ok(not lost, "every schema is one, and used", lost)
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            seen.append(operation["operationId"])
            if ("{id}" in path) != any(api.resolve(p)["in"] == "path"
                                       for p in operation.get("parameters", [])):
                lost.append(path)
    tap.ok(spec["openapi"].startswith("3.1.") and len(set(seen)) == len(seen) and not lost,
           "it is of version 3.1, its operations have names of their own", lost)


def _resolves(api, node):
    try:
        api.resolve(node)
        return True
    except KeyError:
        return False


def routes(api):
    for path, operations in api.spec["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def right_of(operation):
    security = operation["security"]
    return security[0]["token"][0] if security else "open"


def tokens(api, reader):
    wrong = "gw_" + "A" * 43
    bad = {k: [] for k in ("without", "wrong", "read", "open")}
    n = 0
    for method, path, operation in routes(api):
        n += 1
        body = b"{}" if method == "POST" else None
        h = {"Content-Type": "application/json"}
        if right_of(operation) == "open":
            a = api.ask(one(path), method, token=None)
            if a.status != 200 or set(a.json) != {"status"} or path not in OPEN:
                bad["open"].append(path)
            continue
        a = api.ask(one(path), method, body, token=None, headers=h)
        if a.status != 401 or a.problem != "token-needed" or "bearer" not in \
                a.headers.get("www-authenticate", "").lower():
            bad["without"].append((method, path, a.status))
        for token in (wrong, api.token[:-1], api.token + "x", "", reader.upper()):
            h2 = dict(h, Authorization="Bearer " + token)
            a = api.ask(one(path), method, body, token=None, headers=h2)
            if a.status != 401:
                bad["wrong"].append((method, path, a.status))
        a = api.ask(one(path), method, body, token=None, headers=dict(
            h, Authorization="Basic " + api.token))
        if a.status != 401:
            bad["wrong"].append((method, path, a.status))
        if right_of(operation) == "operate":
            a = api.ask(one(path), method, body, token=reader, headers=h)
            if a.status != 403 or a.problem != "operate-needed":
                bad["read"].append((method, path, a.status))
    tap.ok(n > 30 and not bad["without"], "%d routes: without a token none tells anything" % n,
           bad["without"])
    tap.ok(not bad["wrong"], "nor with a wrong one", bad["wrong"])
    tap.ok(not bad["read"], "who may read may not operate", bad["read"])
    tap.ok(not bad["open"], "only %s are open, and tell nothing" % " ".join(sorted(OPEN)),
           bad["open"])
    for path in ("/api/v1/nothing", "/api/", "/api/v2/flows", "/api/v1/flows/"):
        a = api.ask(path, token=None)
        b = api.ask(path)
        if (a.status, b.status) != (401, 404):
            bad["without"].append((path, a.status, b.status))
    tap.ok(not bad["without"], "what is not there is not told without a token either",
           bad["without"])


def answers(api, reader):
    """Every route that reads, with the reader's token: good, and as the document says."""
    need = {V + "/timeline": "?from=2026-11-23T02:00:00Z&to=2026-11-23T03:00:00Z",
            V + "/trust": "?address=203.0.113.77"}
    bad = []
    for method, path, operation in routes(api):
        if method != "GET" or path == V + "/stream":
            continue
        a = api.ask(one(path) + need.get(path, ""), token=reader)
        if a.status != 200 and not (path == V + "/alerts/{id}" and a.status == 404):
            bad.append((path, a.status, a.body[:300]))
        if "json" in a.type and path.startswith(V) and not path.endswith(
                (".json", "/self", ".csv")) and "{id}" not in path and "cursor" not in a.json:
            bad.append((path, "no cursor"))
    tap.ok(not bad, "every route answers", bad)
    security = api.ask(V + "/flows").headers
    tap.ok(all(security.get(k) == v for k, v in (
        ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"), ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"))) and
        "frame-ancestors 'none'" in security["content-security-policy"] and
        security["x-request-id"], "with the headers that protect", security)
    zipped = api.ask(V + "/openapi.json", headers={"Accept-Encoding": "gzip"})
    tap.ok(zipped.headers.get("content-encoding") == "gzip" and
           zipped.json == api.spec and
           api.ask(V + "/openapi.json", headers={"Accept-Encoding": "gzip;q=0"}).json == api.spec,
           "compressed for who takes it so")


def errors(api):
    bad = []
    values = {"since": "yesterday", "until": "99", "at": "", "from": "x", "to": "x",
              "source": "10.0.0", "limit": "0", "after": "1", "px": "5", "days": "-1",
              "incident": "one", "address": "host", "device": "", "events": "all",
              "last-event-id": "x", "only": "x", "type": "flow.middle", "state": "ajar",
              "name": "", "agent": "", "user": ""}
    for method, path, operation in routes(api):
        if method != "GET":
            continue
        a = api.ask(one(path) + "?colour=red")
        names = []
        for p in operation.get("parameters", []):
            p = api.resolve(p)
            if p["in"] == "query":
                names.append(p["name"])
        if a.problem != "unknown-parameter" or (names and sorted(
                a.json["detail"].split(": ")[1].split()) != sorted(names)):
            bad.append((path, a.status, a.json["detail"], sorted(names)))
        for name in names:
            text = values.get(name, "purple")
            a = api.ask("%s?%s=%s" % (one(path), name, text))
            if a.problem not in ("bad-parameter", "missing-parameter") or a.status != 400:
                if not (name == "by"):
                    bad.append((path, name, text, a.status))
    tap.ok(not bad, "unknown parameters are errors that name the known ones; so are wrong values",
           bad)
    for path in ("/flows?limit=1&limit=2", "/flows?device=%00", "/flows?device=%ff",
                 "/flows?since=-1h&until=-2h", "/flows?device=" + "x" * 300,
                 "/timeline", "/trust"):
        a = api.ask(V + path)
        if a.status != 400:
            bad.append((path, a.status))
    a = api.ask(V + "/flows?device=" + "x" * 5000)
    if (a.status, a.problem) != (414, "uri-too-long"):
        bad.append(a.body)
    for path in ("/sessions/0", "/sessions/01", "/sessions/x", "/sessions/-1",
                 "/sessions/99999999999999999999", "/sessions/1/2", "/sessions/999999",
                 "/incidents/999999", "//flows", "/../flows", "/%2e%2e/flows"):
        a = api.ask(V + path)
        if a.status != 404:
            bad.append((path, a.status))
    tap.ok(not bad, "what is malformed is 400, what is not there 404, too long 414", bad)
    for method, path, allow in (("POST", "/flows", "GET, HEAD, OPTIONS"),
                                ("PUT", "/silences", "GET, HEAD, POST, OPTIONS"),
                                ("GET", "/silences/1", "DELETE, OPTIONS"),
                                ("PATCH", "/drills/1", "DELETE, OPTIONS"),
                                ("BREW", "/drills", "GET, HEAD, POST, OPTIONS")):
        a = api.ask(V + path, method, token="mine")
        if (a.status, a.headers.get("allow")) != (405, allow):
            bad.append((method, path, a.status, a.headers.get("allow")))
    a = api.ask(V + "/drills", "OPTIONS")
    head, get = api.ask(V + "/flows", "HEAD"), api.ask(V + "/flows")
    tap.ok(not bad and a.status == 204 and a.headers["allow"] == "GET, HEAD, POST, OPTIONS" and
           head.status == 200 and head.body == b"" and
           head.headers["content-length"] == str(len(get.body)),
           "405 says what is allowed, as OPTIONS does; HEAD is GET without a body", bad)


# ---- lists -------------------------------------------------------------------------------

def pages(api, path, key, limit=3, between=None):
    rows, after = [], ""
    while True:
        doc = api.get("%s%slimit=%d%s" % (path, "&" if "?" in path else "?", limit, after))
        rows += doc[key]
        if between:
            between()
        if "next" not in doc:
            return rows
        after = "&after=" + doc["next"]


def part(row, *path):
    for name in path:
        row = row.get(name) if isinstance(row, dict) else None
    return row


SEVERITY = ["info", "notice", "warning", "critical"]
# What a filter means: a row and the value, from the row itself.
OF_FLOWS = {
    "device": lambda r, v: part(r, "device") == v,
    "source": lambda r, v: ipaddress.ip_address(part(r, "source", "ip")) in ipaddress.ip_network(v),
    "path": lambda r, v: part(r, "path") == v,
    "service": lambda r, v: part(r, "service") == v,
    "verdict": lambda r, v: part(r, "trust", "verdict") == v,
    "outcome": lambda r, v: part(r, "outcome") == v,
    "login": lambda r, v: part(r, "login") == v,
    "user": lambda r, v: part(r, "user") == v,
    "agent": lambda r, v: part(r, "agent") == v,
    "justified": lambda r, v: part(r, "path") == "in-band" and part(r, "service") == "ssh" and
    part(r, "established") and part(r, "justified") in ((None, v) if v == "unknown" else (v,)),
    "state": lambda r, v: part(r, "open") == (v == "open"),
}
OF_EVENTS = {
    "device": lambda r, v: part(r, "event", "device", "name") == v,
    "source": lambda r, v: part(r, "event", "source", "ip") and ipaddress.ip_address(
        part(r, "event", "source", "ip")) in ipaddress.ip_network(v),
    "path": lambda r, v: part(r, "event", "path") == v,
    "service": lambda r, v: part(r, "event", "service") == v,
    "verdict": lambda r, v: part(r, "event", "trust", "verdict") == v,
    "agent": lambda r, v: part(r, "event", "agent") == v,
    "type": lambda r, v: (part(r, "event", "type") + ".").startswith(v + "."),
    "severity": lambda r, v: SEVERITY.index(part(r, "event", "severity")) >= SEVERITY.index(v),
}
OF_INCIDENTS = {
    "kind": lambda r, v: r["kind"] == v,
    "state": lambda r, v: r["status"] == v,
    "severity": lambda r, v: SEVERITY.index(r["severity"]) >= SEVERITY.index(v),
}
OF_ALERTS = {
    "name": lambda r, v: r["name"] == v,
    "device": lambda r, v: r.get("device") == v,
    "agent": lambda r, v: r.get("agent") == v,
    "source": lambda r, v: "source" in r and ipaddress.ip_address(r["source"]) in
    ipaddress.ip_network(v),
    "severity": lambda r, v: SEVERITY.index(r["severity"]) >= SEVERITY.index(v),
    "state": lambda r, v: r["state"] == v,
}
VALUES = {
    "device": ("fab1-CP1-TOR1", "tor-late"), "source": ("203.0.113.0/24", "::/0", "10.20.0.5/32"),
    "path": ("primary", "in-band"), "service": ("ssh", "bgp"),
    "verdict": ("trusted", "untrusted", "no-policy"),
    "outcome": ("refused", "established", "closed", "reset", "unanswered", "attempt"),
    "login": ("success", "unknown"), "user": ("alice", "nobody"), "agent": ("mgmt-1", "late-1"),
    "justified": ("yes", "no", "unknown"), "state": ("open", "closed"), "severity": SEVERITY,
    "type": ("flow", "flow.end", "path.change", "alert", "agent"),
    "kind": ("failover", "untrusted-source"), "name": ("untrusted-source", "first-seen"),
    "incident": ("1", "2"),
}
KINDS_OF_STATE = ("open", "acknowledged", "silenced", "resolved")


def filtered(api, name, key, of):
    """Each filter of one list: what differs from the rows of the whole list that it means, and how
    many were asked."""
    bad, asked = [], 0
    whole = api.get(V + "/%s?limit=10000" % name)[name]
    known = {api.resolve(p)["name"] for p in
             api.spec["paths"][V + "/" + name]["get"]["parameters"]}
    flows = {i["id"]: api.get(V + "/flows?limit=10000&incident=%d" % i["id"])["flows"]
             for i in whole} if name == "incidents" else {}
    for param in sorted(known - {"since", "until", "after", "limit"}):
        for value in KINDS_OF_STATE if (name, param) == ("alerts", "state") else VALUES[param]:
            if name == "incidents" and param not in of and param != "device":
                want = [i for i in whole if any(OF_FLOWS[param](f, value)
                                                for f in flows[i["id"]])]
            elif name == "incidents" and param == "device":
                want = [i for i in whole if i.get("device") == value or
                        any(f["device"] == value for f in flows[i["id"]])]
            elif param == "incident" and name == "alerts":  # its own, and those it has events of
                events = [e["event"] for e in
                          api.get(V + "/events?limit=10000&type=alert&incident=" + value)["events"]]
                held = {(e["type"], part(e, "alert", "key"), part(e, "alert", "since"))
                        for e in events}
                want = [r for r in whole if r.get("incident") == int(value) or
                        ("alert." + r["name"], r["key"], r["since"]) in held]
            elif param == "incident":
                continue  # what belongs to one is not in the row
            else:
                want = [r for r in whole if of[param](r, value)]
            got = pages(api, V + "/%s?%s=%s" % (name, param, value), name, 2)
            asked += 1
            if [r[key] for r in got] != [r[key] for r in want]:
                bad.append((name, param, value, [r[key] for r in got], [r[key] for r in want]))
    return bad, asked


def filters(api, redis, c):
    """Each parameter that a list takes leaves exactly the rows that it means, page by page."""
    late = Agent("late-1")  # tells of what was before all that is stored, with newer numbers
    redis.add([late.flow(-9000 - 100 * i, "flow.start", "l%d" % i, "tor-late", "in-band",
                         "203.0.113.%d" % (100 + i), "attempt", verdict="untrusted")
               for i in range(4)] +
              [late.change(-8000, "tor-late", "primary-failing", "unreachable", "in-band-unanswered",
                           severity="critical")])
    c.until(lambda: len(api.get(V + "/events?agent=late-1")["events"]) == 5 and
            len(api.get(V + "/incidents")["incidents"]) >= 7, 30)
    bad, asked = [], 0
    for list_ in (("flows", "id", OF_FLOWS), ("sessions", "id", OF_FLOWS), ("events", "n", OF_EVENTS),
                  ("incidents", "id", OF_INCIDENTS), ("alerts", "id", OF_ALERTS)):
        for _ in range(5):  # what changed while it was asked (an alert was resolved) is asked again
            wrong, n = filtered(api, *list_)
            if not wrong:
                break
        bad += wrong
        asked += n
    tap.ok(not bad, "each filter of each list leaves what it means (%d asked)" % asked,
           "\n".join(map(str, bad)))


def lists(api, c, redis, agent):
    filters(api, redis, c)
    for path, key, row in ((V + "/flows", "flows", "id"), (V + "/events", "events", "n"),
                           (V + "/events?type=flow", "events", "n"),
                           (V + "/sessions", "sessions", "id"),
                           (V + "/flows?verdict=untrusted", "flows", "id"),
                           (V + "/incidents", "incidents", "id"),
                           (V + "/alerts", "alerts", "id")):
        whole = [r[row] for r in api.get(path + ("&" if "?" in path else "?") +
                                         "limit=10000")[key]]
        joined = [r[row] for r in pages(api, path, key)]
        tap.ok(whole and joined == whole and len(set(whole)) == len(whole),
               "pages of %s join" % path, (whole, joined))

    def insert():
        redis.add([agent.flow(5000 + agent.seq, "flow.start", "n%d" % agent.seq, "tor9", "primary",
                              "10.20.0.9", "established")])
        c.until(lambda: redis.pending() == 0)

    before = [r["id"] for r in api.get(V + "/flows?limit=10000")["flows"]]
    joined = [r["id"] for r in pages(api, V + "/flows", "flows", 2, insert)]
    tap.ok([i for i in joined if i in before] == before, "also while new rows come",
           (before, joined))

    for name, key in (("flows", "id"), ("sessions", "id"), ("events", "n")):
        for query in ("", "?device=fab1-CP1-TOR1", "?since=2026-11-23T02:15:00Z"):
            for _ in range(5):  # a row that came between two of them: all are asked again
                want = api.get(V + "/" + name + query + ("&" if query else "?") +
                               "limit=10000")[name]
                got = api.ask(V + "/" + name + ".json" + query)
                rows = list(csv.DictReader(io.StringIO(
                    api.ask(V + "/" + name + ".csv" + query).body.decode(), newline="")))
                same = [r[key] for r in got.json] == [r[key] for r in want] == \
                    [int(r[key]) for r in rows]
                if same:
                    break
            if not same:
                tap.ok(False, "export of %s%s" % (name, query), (got.body[:300], rows[:2]))
                break
        else:
            tap.ok('filename="%s.json"' % name in got.headers["content-disposition"],
                   "%s.csv and .json hold exactly the rows of the list" % name)
    many = 2500
    redis.add([agent.flow(9000 + i, "flow.end", "m%d" % i, "tor8", "primary", "10.20.0.8",
                          "refused", state="REJ") for i in range(many)])
    c.until(lambda: api.get(V + "/flows?device=tor8&limit=1")["count"]["value"] == many)
    # pages of much end before their limit, so that a few of them do not fill the memory
    wordy = Agent("wordy")
    redis.add([wordy.event(9000 + i, "agent.stats", stats={"text": "x" * 30000})
               for i in range(200)])
    c.until(lambda: len(api.get(V + "/events.json?agent=wordy&type=agent")) == 200, 60)
    sizes = []
    for path in ("/events?agent=wordy", "/events?agent=wordy&type=agent"):
        whole, after = [], ""
        while after is not None:
            doc = api.get(V + path + "&limit=10000" + after)
            whole += [e["event"]["seq"] for e in doc["events"]]
            sizes.append(len(doc["events"]))
            after = "&after=" + doc["next"] if "next" in doc else None
        tap.ok(whole == list(range(200, 0, -1)) and max(sizes) < 75,
               "long documents end a page early, and all are on some page", (whole, sizes))
    first = api.get(V + "/flows?limit=10000")
    tap.ok(len(first["flows"]) == 2500 and "next" in first and
           len(pages(api, V + "/flows", "flows", 10000)) == first["count"]["value"],
           "so do very many flows", len(first["flows"]))
    got = api.ask(V + "/flows.json?device=tor8").json
    tap.ok(len({r["id"] for r in got}) == len(got) == many, "an export of several pages is whole",
           len(got))


# ---- other sites, files ---------------------------------------------------------------------

def elsewhere(api):
    """Without tokens, on loopback."""
    for h, want in (({}, 200), ({"Host": "localhost:1"}, 200), ({"Host": "[::1]"}, 200),
                    ({"Host": "127.8.8.8"}, 200),
                    ({"Host": "evil.example"}, 421), ({"Host": "127.0.0.1.evil.example"}, 421),
                    ({"Host": "10.0.0.1"}, 421), ({"Host": "localhost."}, 421), ({"Host": ""}, 400),
                    ({"Origin": "http://127.0.0.1:%d" % api.port}, 200),
                    ({"Origin": "http://127.0.0.1:1"}, 403),
                    ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403),
                    ({"Sec-Fetch-Site": "cross-site"}, 403),
                    ({"Sec-Fetch-Site": "same-origin"}, 200)):
        a = api.ask(V + "/self", headers=h)
        tap.ok(a.status == want, "without tokens, %s: %d" % (h, want), (a.status, a.body))
    a = api.ask(V + "/drills", "POST", body='{"reason":"x","for":"1h"}',
                headers={"Content-Type": "text/plain"})
    tap.ok(a.status == 415, "a form of another site cannot act: JSON is wanted", a.body)


def files(api):
    bad = []
    a = api.ask("/", token=None)
    tap.ok(a.status == 200 and a.body == b"<p>page" and a.type == "text/html" and
           a.headers["etag"], "the page is served without a token", (a.status, a.body))
    b = api.ask("/", token=None, headers={"If-None-Match": a.headers["etag"]})
    tap.ok((b.status, b.body) == (304, b""), "and not again when it is the same", b.status)
    for path in ("/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/.hidden.txt",
                 "/sub/../../secret.txt", "/sub", "/sub/", "/none.html", "/odd.exe",
                 "//etc/hostname.txt", "/sub//in.js", "/a%5cb.txt", "/sub/.x/y.txt"):
        a = api.ask(path, token=None)
        if a.status != 404:
            bad.append((path, a.status, a.body[:60]))
    tap.ok(not bad and api.ask("/sub/in.js", token=None).type == "text/javascript",
           "nothing outside its folder, nothing hidden", bad)


# ---- limits ---------------------------------------------------------------------------------

def raw(api, data, timeout=60, ends=True):
    s = socket.create_connection(("127.0.0.1", api.port), timeout=timeout)
    out = b""
    with s:
        try:
            s.sendall(data)
            if ends:
                s.shutdown(socket.SHUT_WR)
            while True:
                got = s.recv(65536)
                if not got:
                    break
                out += got
        except OSError:
            pass
    return out


def rubbish(api):
    rng = random.Random(5)
    seeds = [b"GET /api/v1/flows HTTP/1.1\r\nHost: localhost\r\n\r\n",
             b"POST /api/v1/drills HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
             b"\r\nContent-Length: 20\r\n\r\n{\"reason\":\"x\",\"for\":1}\n",
             b"GET /api/v1/events?type=flow&limit=3 HTTP/1.1\r\nHost: x\r\n"
             b"Authorization: Bearer gw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n\r\n",
             b"GET /api/v1/flows HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
             b"Content-Length: 3\r\n\r\n1\r\na\r\n0\r\n\r\n",
             b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
             b"GET http://evil/api/v1/flows HTTP/1.1\r\nHost: x\r\n\r\n",
             b"GET /api/v1/flows HTTP/0.9\r\n\r\n", b"GET /api/v1/flows\r\n\r\n"]
    told = []
    for i in range(300):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(4)):
            kind, at = rng.randrange(4), rng.randrange(len(data) + 1)
            if kind == 0:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 30)))
            elif kind == 1:
                del data[at:at + rng.randrange(1, 20)]
            elif kind == 2:
                data[at:at] = data[:rng.randrange(len(data) + 1)]
            else:
                data[at:at + 1] = rng.choice([b"\r", b"\n", b"\0", b" ", b"%", b":"])
        out = raw(api, bytes(data), timeout=0.5)
        if b'"flows"' in out or b'"cursor"' in out or b" 200 OK" in out and b"status" not in out:
            told.append((bytes(data), out[:200]))
    tap.ok(not told and api.get(V + "/self")["right"] == "operate",
           "300 malformed requests: none is answered with anything, and it lives on", told)


def limits(api):
    a = api.ask(V + "/drills", "POST", body="{" + " " * 20000 + "}",
                headers={"Content-Type": "application/json"})
    tap.ok((a.status, a.problem) == (413, "body-too-large"), "a body has a limit", a.body)
    out = raw(api, b"GET /api/v1/self HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 100000 + b"\r\n\r\n")
    tap.ok(b" 200 " not in out[:20], "so have headers", out[:100])
    for body, status in (("", 400), ("[]", 400), ("{", 400), ('{"reason":1}', 422),
                         ('{"reason":"x","untill":"2h"}', 422), ('{"reason":"x","for":"-2h"}', 422),
                         ('{"reason":"x","until":"soon"}', 422), ('{"reason":"a","reason":"b"}', 400),
                         ('{"reason":"x","for":"1h","by":"eve"}', 422),
                         ('{"reason":"' + "[" * 3000 + '","for":"1h"}', 422),
                         ("[" * 10000, 400)):
        a = api.ask(V + "/drills", "POST", body=body, headers={"Content-Type": "application/json"})
        if a.status != status:
            tap.ok(False, "a body %.40s: %d" % (body, status), a.body)
            return
    tap.ok(True, "bodies are read strictly")


class Slow:
    """Clients that are never done: half a request line, half a header, half a body."""

    def __init__(self, api):
        self.sockets = []
        for text in (b"", b"GET /api", b"GET /api/v1/self HTTP/1.1\r\nHost: x\r\nX-A: ",
                     b"POST /api/v1/drills HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                     api.token.encode() + b"\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 100\r\n\r\n{"):
            s = socket.create_connection(("127.0.0.1", api.port), timeout=60)
            s.sendall(text)
            self.sockets.append(s)

    def drip(self):
        for s in self.sockets[1:]:
            try:
                s.sendall(b"x")
            except OSError:
                pass

    def cut(self):
        end = time.time() + 90
        left = list(self.sockets)
        while left and time.time() < end:
            self.drip()
            for s in list(left):
                s.settimeout(0.2)
                try:
                    if s.recv(4096) == b"":
                        left.remove(s)
                except TimeoutError:
                    pass
                except OSError:
                    left.remove(s)
        return not left


# ---- acting ---------------------------------------------------------------------------------

def acting(api, reader):
    a = api.ask(V + "/drills", "POST", {"device": "fab1-CP1-TOR1", "reason": "quarterly", "for": "2h"})
    tap.ok(a.status == 201 and a.headers["location"].endswith("/drills/%d" % a.json["id"]),
           "a drill is announced", a.body)
    rows = api.get(V + "/drills?state=open")["drills"]
    tap.ok([(r["device"], r["by"], r["reason"]) for r in rows] ==
           [("fab1-CP1-TOR1", "olga", "quarterly")], "by the token's name", rows)
    gone = api.ask(V + "/drills/%d" % a.json["id"], "DELETE")
    again = api.ask(V + "/drills/%d" % a.json["id"], "DELETE")
    tap.ok((gone.status, again.status) == (200, 404) and
           not api.get(V + "/drills?state=open")["drills"] and api.get(V + "/drills")["drills"],
           "and ended", (gone.body, again.body))
    a = api.ask(V + "/silences", "POST", {"source": "203.0.113.0/24", "reason": "scanner", "for": "1h"})
    rows = api.get(V + "/silences?state=open")["silences"]
    tap.ok(a.status == 201 and [r["id"] for r in rows] == [a.json["id"]], "a silence", a.body)
    begin, end = (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 86400 * 30 + h * 3600))
                  for h in (0, 2))
    ahead = api.ask(V + "/drills", "POST", {"device": "tor7", "reason": "next month", "for": "2h",
                                            "since": begin + "Z"})
    row = [r for r in api.get(V + "/drills")["drills"] if r["id"] == ahead.json.get("id")]
    tap.ok(ahead.status == 201 and row and row[0]["since"].startswith(begin) and
           row[0]["until"].startswith(end),
           "what begins later lasts as long as it is for", (ahead.body, row))
    for what, body in (("silences", {"source": "203.0.113.0/24", "reason": "x"}),
                       ("drills", {"device": "tor7", "reason": "x"})):
        a_ = api.ask(V + "/" + what, "POST", body)
        tap.ok(a_.status == 422 and a_.json["detail"].startswith("how long is missing"),
               "%s without an end: how long is missing" % what, a_.body)
    both = api.ask(V + "/drills", "POST", {"device": "tor7", "reason": "x", "for": "2h",
                                           "until": end + "Z"})
    tap.ok((both.status, both.problem) == (422, "bad-body"), "one of for and until", both.body)
    tap.ok(api.ask(V + "/silences/%d" % a.json["id"], "DELETE").status == 200, "is ended")
    alerts = api.get(V + "/alerts?limit=1")
    tap.ok(alerts["alerts"] and alerts["actions"] == ["acknowledge", "silence", "drill"] and
           api.ask(V + "/alerts", token=reader).json["actions"] == [],
           "the alerts say what this token may do", alerts)
    if alerts["alerts"]:
        number = api.get(V + "/alerts?state=open&limit=1")["alerts"][0]["id"]
        a = api.ask(V + "/alerts/%d/acknowledge" % number, "POST", {"reason": "on it", "for": "1h"})
        tap.ok(a.status == 200 and a.json["cursor"] > alerts["cursor"],
               "an alert is acknowledged, which is an event", a.body)
    a = api.ask(V + "/alerts/999999/acknowledge", "POST", {"reason": "on it"})
    tap.ok(a.status == 404, "one that is not there is not", a.body)


# ---- the stream -------------------------------------------------------------------------------

def sessions_of(stream):
    return {d.get("id") for d in stream.of("session")}


def stream(c, api, redis, agent):
    def begin(i):
        return agent.flow(20000 + i, "flow.start", "s%d" % i, "tor%d" % (i % 7), "in-band",
                          "10.20.0.%d" % (i % 200 + 1), "established")

    cursor = api.get(V + "/sessions?limit=1")["cursor"]
    before = {r["id"] for r in api.get(V + "/sessions?limit=10000")["sessions"]}
    steady, shaky = Stream(api, cursor), Stream(api, cursor)
    only = Stream(api, None, "?events=alert")
    tap.ok(c.until(lambda: steady.connects and shaky.connects and only.connects),
           "clients listen")
    tap.ok(c.until(lambda: steady.of("heartbeat")) and
           {"time", "cursor", "behind"} <= set(steady.of("heartbeat")[0]), "hearts beat",
           steady.events[:3])
    n = 0

    def list_has():
        return len({r["id"] for r in api.get(V + "/sessions?limit=10000")["sessions"]} - before)

    for turn in range(6):
        connects = shaky.connects
        redis.add([begin(n + i) for i in range(40)])
        n += 40
        if turn in (1, 4):
            c.until(lambda: list_has() > n - 40)
            shaky.cut()
        if turn == 2:
            c.stop(signal.SIGKILL)
            c.start()
        if turn == 3:
            c.stop()
            c.start()
        if turn in (1, 2, 3, 4):
            c.until(lambda: shaky.connects > connects)
        serving(c, api)
        c.until(lambda: list_has() == n)

    def all_there():
        now = {r["id"] for r in api.get(V + "/sessions?limit=10000")["sessions"]}
        return len(now - before) == n and sessions_of(steady) >= now - before and \
            sessions_of(shaky) >= now - before

    good = c.until(all_there)
    tap.ok(good and shaky.connects >= 4, "cut twice, through SIGKILL and a restart of the "
           "collector, they have missed no session of %d" % n,
           (len(sessions_of(steady)), len(sessions_of(shaky)), shaky.connects))
    def told_and_listed():  # alike, when nothing is between them
        row = dict(api.get(V + "/sessions?limit=1")["sessions"][0])
        seen = [dict(d) for d in steady.of("session") if d["id"] == row["id"]][-1:]
        for doc in (row, *seen):
            doc.pop("duration_s", None)  # goes on
        return seen == [row], seen, row

    tap.ok(c.until(lambda: told_and_listed()[0]),
           "what the stream tells is what the list has", told_and_listed())
    tap.ok({k for k, d, n in only.events} <= {"alert", "cursor", "heartbeat", "reset"},
           "who wants alerts alone has them alone", {k for k, d, n in only.events})
    resets = steady.of("reset") + shaky.of("reset")
    tap.ok(not resets, "nobody had to begin anew", resets)
    for s in (steady, shaky, only):
        s.close()
    late = Stream(api, "999999999")
    tap.ok(c.until(lambda: late.of("reset")), "who comes from another store begins anew",
           late.events)
    late.close()
    late = Stream(api, cursor)
    tap.ok(c.until(lambda: len(sessions_of(late)) >= n),
           "who comes late is told what changed since", len(sessions_of(late)))
    late.close()


# ---- starting ----------------------------------------------------------------------------------

def certificate(name):
    key, cert = os.path.join(base, "key.pem"), os.path.join(base, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key + ".new", "-out",
                    cert + ".new"], check=True, capture_output=True)
    os.rename(key + ".new", key)
    os.rename(cert + ".new", cert)
    return cert, key


def name_shown(api):
    try:
        pem = ssl.get_server_certificate(("127.0.0.1", api.port))
    except OSError:  # of the one that listened until now
        return None
    r = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, capture_output=True,
                       text=True)
    return r.stdout.strip().rsplit(" ", 1)[-1]


def tls(redis, token):
    cert, key = certificate("first")
    context = ssl.create_default_context(cafile=cert)
    c, api = collector("tls", redis, "--tokens", tokens_path, "--tls-cert", cert, "--tls-key", key,
                       "--group", "tls", token=token, tls=context)
    c.start()
    tap.ok(serving(c, api) and api.get(V + "/self")["who"] == "olga", "HTTPS")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    tap.ok(api.get(V + "/self")["right"] == "operate", "of TLS 1.3")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        Api(api.port, token, old).ask("/healthz")
        tap.ok(False, "not of TLS 1.1")
    except (ssl.SSLError, ValueError, OSError):
        tap.ok(True, "not of TLS 1.1")
    out = raw(Api(api.port), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    tap.ok(b"200 OK" not in out, "who speaks in the clear is not answered", out)
    api.tls = ssl.create_default_context(cafile=cert)
    listening = Stream(api, None)
    c.until(lambda: listening.connects)
    certificate("second")
    api.tls.load_verify_locations(cert)
    c.process.send_signal(signal.SIGHUP)
    tap.ok(c.until(lambda: name_shown(api) == "second"), "SIGHUP: the new certificate",
           name_shown(api))
    tap.ok(c.until(lambda: listening.connects >= 2), "its clients come back",
           listening.connects)
    with open(key, "w", encoding="utf-8") as f:
        f.write("no key\n")
    c.process.send_signal(signal.SIGHUP)
    tap.ok(c.until(lambda: "the old certificate stays" in c.said()) and
           name_shown(api) == "second" and api.get(V + "/self"),
           "one that is not good changes nothing")
    listening.close()
    tap.ok(c.stop() == 0, "and it stops")


def starting():
    port = free_port()
    for args, words in (
            (("--listen", "0.0.0.0:%d" % port), "--tokens"),
            (("--listen", "[::]:%d" % port), "--tokens"),
            (("--listen", "0.0.0.0:%d" % port, "--tokens", tokens_path), "--tls-cert"),
            (("--listen", "127.0.0.1:%d" % port, "--behind-proxy"), "--tokens"),
            (("--listen", "127.0.0.1:%d" % port, "--tls-cert", "x"), "go together"),
            (("--listen", "somewhere"), "127.0.0.1:8686"),
            (("--listen", "127.0.0.1:%d" % port, "--tokens", "/nowhere"), "/nowhere")):
        r = program("run", "--db", os.path.join(base, "no.db"), "--redis", "redis://127.0.0.1:1",
                    *args)
        tap.ok(r.returncode == 2 and words in r.stderr and r.stderr.count("\n") == 1,
               "refused: " + " ".join(a.replace(base, "") for a in args), r.stderr)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        r = program("run", "--db", os.path.join(base, "no.db"), "--redis", "redis://127.0.0.1:1",
                    "--listen", "127.0.0.1:%d" % s.getsockname()[1])
        tap.ok(r.returncode == 2 and "in use" in r.stderr, "a port that is taken", r.stderr)


def crowds(redis):
    c, api = collector("crowd", redis, "--group", "crowd", "--http-connections", "20",
                       "--http-per-address", "50", "--http-rate", "0")
    c.start()
    serving(c, api)
    streams = [Stream(api, None, once=True) for _ in range(18)]
    tap.ok(c.until(lambda: all(s.connects for s in streams)), "eighteen listen")
    a = api.ask(V + "/stream")
    tap.ok((a.status, a.problem) == (503, "busy"), "the nineteenth is told so", a.body)
    sockets = [socket.create_connection(("127.0.0.1", api.port)) for _ in range(4)]
    c.until(lambda: api.ask("/healthz").status == 503)
    a = api.ask("/healthz")
    tap.ok((a.status, a.problem) == (503, "busy") and a.headers["retry-after"],
           "so are connections beyond the limit", a.body)
    sockets += [socket.create_connection(("127.0.0.1", api.port)) for _ in range(60)]
    for s in sockets:
        s.close()
    for s in streams:
        s.close()
    tap.ok(serving(c, api), "and when they are gone it goes on")
    stuck = [Stream(api, None, once=True) for _ in range(5)]
    c.until(lambda: all(s.connects for s in stuck))
    tap.ok(c.stop() == 0, "it stops with clients that listen")  # who would do so for ever
    c, api = collector("rate", redis, "--group", "crowd", "--http-rate", "1")
    c.start()
    serving(c, api)
    answers = []

    def too_fast():
        answers.extend(api.ask("/healthz") for _ in range(30))
        return any(a.status == 429 for a in answers)
    c.until(too_fast)
    slow = [a for a in answers if a.status == 429]
    tap.ok(slow and all(a.problem == "too-many-requests" and int(a.headers["retry-after"]) >= 1
                        for a in slow), "who asks too fast is told when to come again",
           [a.status for a in answers])
    c.stop()


def proxied(redis, operator):
    """Behind a proxy the client is who the proxy says, not who the client says that it is."""
    c, api = collector("proxied", redis, "--group", "proxied", "--behind-proxy", "--tokens",
                       tokens_path, "--http-rate", "1")
    c.start()
    serving(c, api)

    def ask(*forwarded, token=None):
        link = api.connect()
        link.putrequest("GET", V + "/self", skip_host=True)
        link.putheader("Host", "glasswatch.example")
        link.putheader("Origin", "https://glasswatch.example")
        for text in forwarded:
            link.putheader("X-Forwarded-For", text)
        if token:
            link.putheader("Authorization", "Bearer " + token)
        link.endheaders()
        status = link.getresponse().status
        link.close()
        return status

    lines = [ask("192.0.2.%d" % i, "198.51.100.7") for i in range(20)]
    commas = [ask("192.0.2.%d, 198.51.100.8" % i) for i in range(20)]
    tap.ok(429 in lines and 429 in commas and set(lines + commas) == {401, 429},
           "behind a proxy nobody gets another's share by naming another address",
           (lines, commas))
    others = [ask("198.51.100.%d" % (20 + i)) for i in range(20)]
    tap.ok(set(others) == {401}, "and each client has its own", others)
    tap.ok(ask("198.51.100.7", token=operator) == 200, "tokens are demanded there as well")
    c.stop()


base = tempfile.mkdtemp(prefix="glasswatch-api.")
tokens_path = os.path.join(base, "tokens")
web = os.path.join(base, "web")
os.makedirs(os.path.join(web, "sub", ".x"))
for name, text in (("index.html", "<p>page"), (".hidden.txt", "no"), ("odd.exe", "no"),
                   ("sub/in.js", "x"), ("sub/.x/y.txt", "no"), ("../secret.txt", "no")):
    with open(os.path.join(web, name), "w", encoding="utf-8") as f:
        f.write(text)
try:
    operator = make_token("olga", "operate", tokens_path)
    reader = make_token("rita", "read", tokens_path)
    redis = Redis(base)
    started.append(redis)
    redis.start()
    c, api = collector("main", redis, "--tokens", tokens_path, "--web", web, "--http-rate", "0",
                       token=operator)
    c.start()
    agent = Agent()
    docs = list(scene(agent))
    for d in docs:  # as an agent that has seen all of it tells: what became of alice's login
        if d["type"] == "flow.end" and d["flow"]["id"] == "f3":
            d["ssh"] = {"client": {"proto_version": "2.0", "software_version": "OpenSSH_9.2p1"},
                        "server": {"proto_version": "2.0", "software_version": "OpenSSH_8.7"},
                        "auth": {"result": "success", "attempts": 1, "confidence": "high",
                                 "basis": "packet-lengths"}}
    redis.add(docs)
    tap.ok(serving(c, api) and c.until(lambda: redis.pending() == 0 and len(
        api.get(V + "/events?limit=100&agent=mgmt-1")["events"]) == len(docs)), "it serves")
    slow = Slow(api)
    document(api)
    row = [r for r in api.get(V + "/sessions")["sessions"] if r["flow"] == "f3"]
    tap.ok([(r["login"], r["confidence"], r["basis"]) for r in row] ==
           [("success", "high", "packet-lengths")], "how a login ended, and how that is known", row)
    tokens(api, reader)
    answers(api, reader)
    errors(api)
    files(api)
    lists(api, c, redis, agent)
    acting(api, reader)
    limits(api)
    rubbish(api)
    newest = make_token("nora", "read", tokens_path)
    tap.ok(c.until(lambda: api.ask(V + "/self", token=newest).status == 200),
           "a token that is added to the file is valid soon")
    stream(c, api, redis, agent)
    tap.ok(slow.cut(), "clients that are never done are cut")
    c.stop()
    tap.ok(not api.complaints, "every answer was as the OpenAPI document says",
           "\n".join(sorted(set(api.complaints))[:30]))

    c, local = collector("local", redis, "--group", "local")
    c.start()
    serving(c, local)
    elsewhere(local)
    c.stop()
    crowds(redis)
    proxied(redis, operator)
    tls(redis, operator)
    starting()
finally:
    for s in started:
        if s.process:
            s.process.kill()
            s.process.wait()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
