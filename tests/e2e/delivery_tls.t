#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS to a real Redis: who is let in, who is not, and what is said.

Where this build has no TLS (hiredis 0.14, Debian 12) all of it is skipped; `make test-debian13`
runs it on Debian 13. What is judged in each test is told in fire_scene.py.
"""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Collector  # noqa: E402
from fire_scene import AGENT, PATIENCE, Server, main  # noqa: E402


def openssl(*args):
    r = subprocess.run(["openssl", *args], capture_output=True)
    if r.returncode:
        raise AssertionError("openssl %s: %s" % (" ".join(args), r.stderr.decode()))


class Authority:
    """A CA and what it signs."""

    def __init__(self, directory, name):
        self.dir, self.name = directory, name
        self.ca = os.path.join(directory, name + ".pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.ca + ".key", "-out", self.ca, "-subj", "/CN=" + name, "-days",
                "2")

    def sign(self, name, alternative, *validity):
        """(certificate, key) for subjectAltName `alternative`."""
        base = os.path.join(self.dir, "%s-%s" % (self.name, name))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", base + ".key", "-out", base + ".csr", "-subj", "/CN=" + name)
        with open(base + ".ext", "w", encoding="ascii") as f:
            f.write("subjectAltName=%s\n" % alternative)
        openssl("x509", "-req", "-in", base + ".csr", "-CA", self.ca, "-CAkey", self.ca + ".key",
                "-CAcreateserial", "-out", base + ".pem", "-extfile", base + ".ext",
                *(validity or ("-days", "2")))
        return base + ".pem", base + ".key"


class Secure(Server):
    """A Redis with a port for TLS and one without, for the test itself."""

    def __init__(self, scene, certificate, *, clients="no", name="redis"):
        super().__init__(scene, name)
        self.tls_port = scene.place.new_port()
        self.authority = Authority(self.dir, "authority")
        self.certificate = certificate(self.authority)
        self.clients = clients
        self.url = "rediss://127.0.0.1:%d" % self.tls_port
        scene.servers.append(self)

    def start(self, *more):
        cert, key = self.certificate
        super().start("--tls-port", str(self.tls_port), "--tls-cert-file", cert, "--tls-key-file",
                      key, "--tls-ca-cert-file", self.authority.ca, "--tls-auth-clients",
                      self.clients, *more)

    def show(self, certificate):
        cert, key = certificate
        self.pipeline([("CONFIG", "SET", "tls-cert-file", cert, "tls-key-file", key)])


def good(authority):
    return authority.sign("good", "IP:127.0.0.1,DNS:localhost")


def other_name(authority):
    return authority.sign("other", "DNS:redis.example,IP:192.0.2.77")


def expired(authority):
    return authority.sign("expired", "IP:127.0.0.1", "-not_before", "20240101000000Z",
                          "-not_after", "20240201000000Z")


def right_ca(s):
    """And a restart in the middle: TLS connections recover as others do."""
    s.twice = True
    r = Secure(s, good)
    r.up()
    s.start(r.url, "--redis-tls-ca", r.authority.ca)
    s.recovered("^connected to 127.0.0.1:%d" % r.tls_port)
    r.kill()
    s.outage("not connected: Connection refused")
    r.up()
    s.recovered()
    s.finish(r, ["Connection refused"])


def wrong_ca(s):
    """The file is put right while the agent runs."""
    r = Secure(s, good)
    r.up()
    trusted = os.path.join(s.dir, "trusted.pem")
    shutil.copy(Authority(s.dir, "stranger").ca, trusted)
    s.start(r.url, "--redis-tls-ca", trusted)
    s.outage("TLS: the server's certificate is not accepted: (self-signed certificate in|unable "
             "to get local issuer)")
    s.ok(r.command("EXISTS", "glasswatch:events") == 0, "nothing was sent to it")
    shutil.copy(r.authority.ca, trusted)
    s.recovered()
    s.finish(r, ["the server's certificate is not accepted"])


def expired_certificate(s):
    r = Secure(s, expired)
    r.up()
    s.start(r.url, "--redis-tls-ca", r.authority.ca)
    s.outage("TLS: the server's certificate is not accepted: certificate has expired")
    r.show(good(r.authority))
    s.recovered()
    s.finish(r, ["certificate has expired"])


def wrong_address(s):
    """A good certificate, of another machine."""
    r = Secure(s, other_name)
    r.up()
    s.start(r.url, "--redis-tls-ca", r.authority.ca)
    s.outage("TLS: the server's certificate is not accepted: IP address mismatch")
    r.show(good(r.authority))
    s.recovered()
    s.finish(r, ["IP address mismatch"])


def wrong_name(s):
    r = Secure(s, good)
    r.up()
    s.start(r.url, "--redis-tls-ca", r.authority.ca, "--redis-tls-name", "redis.example")
    s.outage("TLS: the server's certificate is not accepted: hostname mismatch")
    r.show(other_name(r.authority))
    s.recovered()
    s.finish(r, ["(?i)hostname mismatch"])


def client_certificate_missing(s):
    r = Secure(s, good, clients="yes")
    r.up()
    s.start(r.url, "--redis-tls-ca", r.authority.ca)
    s.outage(r"TLS: the server refuses us: .*\(no redis-tls-cert is set\)")
    r.command("CONFIG", "SET", "tls-auth-clients", "no")
    s.recovered()
    s.finish(r, ["TLS: the server refuses us"])


def client_certificate(s):
    r = Secure(s, good, clients="yes")
    cert, key = r.authority.sign("agent", "DNS:agent.example")
    r.up()
    s.start(r.url, "--redis-tls-ca", r.authority.ca, "--redis-tls-cert", cert, "--redis-tls-key",
            key)
    s.recovered()
    time.sleep(2)
    s.finish(r, [])


def client_certificate_of_a_stranger(s):
    r = Secure(s, good, clients="yes")
    cert, key = Authority(s.dir, "stranger").sign("agent", "DNS:agent.example")
    r.up()
    s.start(r.url, "--redis-tls-ca", r.authority.ca, "--redis-tls-cert", cert, "--redis-tls-key",
            key)
    s.outage("TLS: the server refuses us: .*unknown CA")
    r.command("CONFIG", "SET", "tls-auth-clients", "no")
    s.recovered()
    s.finish(r, ["TLS: the server refuses us: .*unknown CA"])


def no_tls_there(s):
    """rediss:// to a port that speaks Redis without TLS."""
    r = s.server()
    s.start("rediss://127.0.0.1:%d" % r.port)
    s.outage("TLS: the handshake failed")
    s.agent.send_signal(signal.SIGTERM)
    s.ok(s.agent.wait(PATIENCE) == 0, "it ends with status 0", s.said())
    s.agent = None
    s.judge_log(["TLS: the handshake failed"], 1)
    s.judge_identity([])


def hung_in_the_handshake(s):
    """Takes the connection and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        s.start("rediss://127.0.0.1:%d" % silent.getsockname()[1])
        s.outage("TLS: the handshake failed: the server said nothing", 8)
    s.outage("Connection refused")
    s.agent.send_signal(signal.SIGTERM)
    s.ok(s.agent.wait(PATIENCE) == 0, "it ends with status 0", s.said())
    s.agent = None


def greeted(s, *more):
    """(SNI, TLS version) of what an agent sends to a server of Python's."""
    authority = Authority(s.dir, "authority")
    cert, key = other_name(authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    names, versions = [], []
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        listening.settimeout(PATIENCE)

        def serve():
            plain, _ = listening.accept()
            with plain, context.wrap_socket(plain, server_side=True) as c:
                versions.append(c.version())
                c.recv(100)

        server = threading.Thread(target=serve)
        server.start()
        s.start("rediss://127.0.0.1:%d" % listening.getsockname()[1], "--redis-tls-ca",
                authority.ca, *more)
        server.join(PATIENCE)
    return names, versions


def sni(s):
    names, versions = greeted(s, "--redis-tls-name", "redis.example")
    s.ok(names == ["redis.example"], "the server is asked for by name", names)
    s.ok(versions and versions[0] in ("TLSv1.2", "TLSv1.3"), "TLS 1.2 or later", versions)


def old_tls(s):
    """A server that speaks nothing newer than TLS 1.1."""
    authority = Authority(s.dir, "authority")
    cert, key = good(authority)
    port = s.place.new_port()
    with open(os.path.join(s.dir, "s_server"), "wb") as log:
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", cert, "-key", key,
             "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], stdin=subprocess.PIPE, stdout=log,
            stderr=log)
    try:
        s.start("rediss://127.0.0.1:%d" % port, "--redis-tls-ca", authority.ca)
        s.outage("TLS: .*protocol")
    finally:
        server.kill()
        server.communicate()


def files_at_start(s):
    """Files that cannot be used are told before anything is connected."""
    authority = Authority(s.dir, "authority")
    cert, key = authority.sign("agent", "DNS:agent.example")
    other = authority.sign("second", "DNS:agent.example")[1]
    empty = os.path.join(s.dir, "empty")
    with open(empty, "w", encoding="ascii"):
        pass
    for what, args, expect in (
            ("no CA", ["ca", empty], "redis-tls-ca: TLS: .*empty: no CA certificates"),
            ("CA absent", ["ca", empty + "2"], "redis-tls-ca: TLS: .*empty2: no CA certificates"),
            ("certificate without key", ["cert", cert], "certificate and key belong together"),
            ("no certificate", ["cert", empty, "key", key], "empty: no certificate"),
            ("another's key", ["cert", cert, "key", other], "no key of that certificate")):
        options = [x for i, a in enumerate(args)
                   for x in ([("--redis-tls-" + a)] if i % 2 == 0 else [a])]
        r = subprocess.run([AGENT, "run", "--fabric", "tests/lab/fabric", "-i", "lo", "-n",
                            "--redis", "rediss://127.0.0.1:1", *options], capture_output=True)
        s.ok(r.returncode == 2 and r.stderr.count(b"\n") == 1 and
             re.search(expect, r.stderr.decode()), what, r.stderr.decode())


def collector_reads(s):
    """The collector's end of it: the same options, the same checks."""
    s.twice = True
    r = Secure(s, good, clients="yes")
    cert, key = r.authority.sign("both", "DNS:both.example")
    r.up()
    options = ["--redis-tls-ca", r.authority.ca, "--redis-tls-cert", cert, "--redis-tls-key", key]
    c = Collector(s.dir, r, "c1", "store.db", *options)
    c.start()
    try:
        s.start(r.url, *options)
        s.recovered()
        s.ok(s.until(lambda: len(c.json("events", "--limit", "0")) > 100), "it stores events",
             c.said())
        s.ok(c.stop() == 0, "it ends with status 0", c.said())
        s.finish(r, [])
    finally:
        if c.process:
            c.stop(signal.SIGKILL)


TESTS = [right_ca, wrong_ca, expired_certificate, client_certificate_missing, client_certificate,
         client_certificate_of_a_stranger, wrong_address, wrong_name, no_tls_there, sni, old_tls,
         hung_in_the_handshake, files_at_start, collector_reads]


def without_tls():
    r = subprocess.run([AGENT, "run", "-n", "--fabric", "tests/lab/fabric", "-i", "lo", "--redis",
                        "rediss://127.0.0.1:1"], capture_output=True)
    return b"TLS is not in this build" in r.stderr


if __name__ == "__main__":
    if without_tls():
        print("1..0 # SKIP TLS is not in this build: see `make test-debian13`")
        sys.exit(0)
    sys.exit(main(TESTS))
