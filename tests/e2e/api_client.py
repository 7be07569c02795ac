# SPDX-License-Identifier: Apache-2.0
"""A client of the collector's API for the tests: every answer is held against the
OpenAPI document that the collector itself serves.

Not a test by itself.
"""
import gzip
import http.client
import json
import socket
import ssl
import threading

import jsonschema


class Answer:
    def __init__(self, r, body):
        self.status, self.body = r.status, body
        self.headers = {k.lower(): v for k, v in r.getheaders()}
        if self.headers.get("content-encoding") == "gzip":
            self.body = gzip.decompress(body)
        self.type = self.headers.get("content-type", "").split(";")[0]

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The last word of a problem's type; None when it is none."""
        if self.type != "application/problem+json":
            return None
        return self.json["type"].rsplit(":", 1)[1]


class Api:
    def __init__(self, port, token=None, tls=None):
        self.port, self.token, self.tls = port, token, tls
        self.spec = None
        self.complaints = []  # answers that are not as the document says

    def connect(self, timeout=60):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout,
                                               context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, path, method="GET", body=None, token="mine", headers=None):
        """token: "mine", None, or another one."""
        h = dict(headers or {})
        token = self.token if token == "mine" else token
        if token:
            h["Authorization"] = "Bearer " + token
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            h.setdefault("Content-Type", "application/json")
        c = self.connect()
        try:
            c.request(method, path, body=body, headers=h)
            r = c.getresponse()
            a = Answer(r, r.read())
        finally:
            c.close()
        self.check(method, path, a)
        return a

    def get(self, path):
        """The document of a 200."""
        a = self.ask(path)
        if a.status != 200:
            raise AssertionError("%s: %d %s" % (path, a.status, a.body[:500]))
        return a.json

    # ---- the document ------------------------------------------------------------

    def learn(self):
        self.spec = self.get("/api/v1/openapi.json")
        return self.spec

    def resolve(self, node):
        while "$ref" in node:
            at = self.spec
            for part in node["$ref"].lstrip("#/").split("/"):
                at = at[part]
            node = at
        return node

    def operation(self, method, path):
        """The template and the operation of a request; None, None when there is none."""
        parts = path.split("?")[0].split("/")
        for template, operations in self.spec["paths"].items():
            t = template.split("/")
            if len(t) == len(parts) and all(
                    a == b or ("{id}" in a and b.startswith(a.split("{")[0]) and
                               b.endswith(a.split("}")[1]) and
                               b[:len(b) - len(a.split("}")[1])].isdigit())
                    for a, b in zip(t, parts)):
                return template, operations.get(method.lower())
        return None, None

    def check(self, method, path, a):
        if not self.spec or method in ("HEAD", "OPTIONS"):
            return
        template, operation = self.operation(method, path)
        if a.status >= 400:
            where = "%s %s -> %d" % (method, path, a.status)
            self.validate(where, {"$ref": "#/components/schemas/Problem"}, a)
            if operation and str(a.status) not in operation["responses"]:
                self.complaints.append(where + ": the document does not know this status")
            return
        if not operation:
            if template or path.startswith("/api/"):
                self.complaints.append("%s %s is not in the document" % (method, path))
            return
        where = "%s %s -> %d" % (method, path, a.status)
        if str(a.status) not in operation["responses"]:
            self.complaints.append(where + ": the document does not know this status")
            return
        content = self.resolve(operation["responses"][str(a.status)])["content"]
        if a.type not in content:
            self.complaints.append("%s: %s, the document says %s" % (where, a.type,
                                                                     list(content)))
            return
        if "json" in a.type:
            self.validate(where, content[a.type]["schema"], a)

    def validate(self, where, schema, a):
        try:
            self.hold(a.json, schema)
        except (jsonschema.ValidationError, ValueError) as e:
            self.complaints.append("%s: %s at %s" % (
                where, getattr(e, "message", e)[:400], list(getattr(e, "absolute_path", []))))

    def hold(self, value, schema):
        full = dict(schema, components=self.spec["components"])
        jsonschema.Draft202012Validator(full).validate(value)


class Stream(threading.Thread):
    """Listens; comes back with the last id when it is cut, until close()."""

    def __init__(self, api, last=None, query="", retry=0.2, once=False):
        super().__init__(daemon=True)
        self.api, self.last, self.query, self.retry, self.once = api, last, query, retry, once
        self.events, self.connects, self.failed = [], 0, 0
        self.closing = False
        self.socket = None
        self.start()

    def run(self):
        while not self.closing:
            try:
                self.listen()
            except (OSError, http.client.HTTPException, ValueError, AttributeError):
                self.failed += 1
            if self.once:
                return
            threading.Event().wait(self.retry)

    def listen(self):
        c = self.api.connect(timeout=30)
        h = {"Authorization": "Bearer " + self.api.token} if self.api.token else {}
        if self.last is not None:
            h["Last-Event-ID"] = str(self.last)
        c.request("GET", "/api/v1/stream" + self.query, headers=h)
        self.socket = c.sock
        r = c.getresponse()
        if r.status != 200:
            raise ValueError(r.status)
        self.connects += 1
        kind = data = number = None
        while not self.closing:
            line = r.readline().decode().rstrip("\n")
            if not line and r.isclosed():
                raise OSError("cut")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
            elif line.startswith("id: "):
                number = line[4:]
            elif not line:
                if kind:
                    self.events.append((kind, json.loads(data), number))
                if number:
                    self.last = number
                kind = data = number = None

    def cut(self):
        """As when the network goes."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass

    def close(self):
        self.closing = True
        self.cut()
        self.join(10)

    def of(self, kind):
        return [d for k, d, n in list(self.events) if k == kind]
