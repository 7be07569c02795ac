# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of a test's own: in a folder of its own, on a unix socket only, as the
user postgres where the test is root. Not a test by itself.

    pg = Postgres(base)         # base: the test's folder
    if not pg.there: skip
    pg.start(); pg.url; pg.sql("SELECT ..."); pg.stop(); pg.start() again; pg.kill()
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import time

from collector_scene import die_with_parent


class Postgres:
    def __init__(self, base, name="pg"):
        bins = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        self.bin = bins[-1] if bins else None
        self.there = bool(self.bin) and os.path.exists(os.path.join(self.bin, "initdb"))
        self.dir = os.path.join(base, name)
        self.data = os.path.join(self.dir, "data")
        self.process = None
        self.as_user = {}
        if os.geteuid() == 0 and self.there:
            try:
                who = pwd.getpwnam("postgres")
                self.as_user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
            except KeyError:
                self.there = False
        self.url = "postgresql:///postgres?host=%s&user=glasswatch" % self.dir

    def start(self, *more):
        """more: settings, as in "shared_buffers=64MB"."""
        if not os.path.exists(self.data):
            os.makedirs(self.dir, exist_ok=True)
            if self.as_user:
                # who may not enter the test's folder cannot reach the socket
                os.chmod(os.path.dirname(self.dir), 0o755)
                os.chown(self.dir, self.as_user["user"], self.as_user["group"])
            r = subprocess.run([os.path.join(self.bin, "initdb"), "-D", self.data, "-A", "trust",
                                "-N", "-U", "glasswatch", "-E", "UTF8", "--locale", "C"],
                               cwd="/", capture_output=True, text=True, **self.as_user)
            if r.returncode:
                raise RuntimeError("initdb: " + r.stderr)
        settings = [x for m in ("shared_buffers=32MB", *more) for x in ("-c", m)]
        with open(os.path.join(os.path.dirname(self.dir), "postgres.log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.dir, "-h", "",
                 *settings], cwd="/", stdout=log, stderr=log,
                preexec_fn=lambda: die_with_parent(signal.SIGQUIT),
                **self.as_user)
        end = time.time() + 90
        while time.time() < end:
            if self.process.poll() is not None:
                raise RuntimeError("postgres ended: see postgres.log")
            try:
                self.sql("SELECT 1")
                return
            except RuntimeError:
                time.sleep(0.05)
        raise RuntimeError("postgres did not start")

    def sql(self, text):
        """Rows as lists of strings."""
        r = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1",
                            "-d", self.url, "-c", text], capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError(r.stderr.strip())
        return [line.split("\x1f") for line in r.stdout.splitlines() if line]

    def end(self, how):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def stop(self):
        self.end(signal.SIGINT)  # clients are sent away

    def kill(self):
        """As a crash: the postmaster's children notice and end too."""
        self.end(signal.SIGQUIT)

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
