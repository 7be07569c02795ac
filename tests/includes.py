#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, and who may read the clock.

Each program's files stand in the order of the data's way, left to right. A file
may include what stands in its own or an earlier row and common/. The last rows
carry the data along (or start and configure the rest) and may include all of
their program. A file that is in no row is an error: say where it belongs. A name
that ends in "*" stands for all that begin so; a full name goes before it.
"""
import os
import re
import sys

os.chdir(os.path.join(os.path.dirname(__file__), ".."))

WAYS = {
    "common": [
        ["addr", "bytes", "clock", "cut", "fnv", "grow", "log", "secret"],
        ["redis_url", "redis_tls", "redis_reply"],
        ["json_tree"],
        ["conf_value", "conf_yaml", "conf", "community_id", "event", "redis", "redis_options",
         "landlock", "syscalls"],
        ["privilege"],
    ],
    "common/fabric": [
        ["eos", "prefix_list", "names", "yaml_tree"],
        ["statement", "text"],
        ["device", "inventory", "inventory_*", "settings", "merge", "fabric"],
        ["policy", "readiness"],
        ["show", "trust"],
    ],
    "agent": [
        ["hash", "capture", "flowkey", "judge", "link", "capfile", "kernel", "kernel_pin",
         "kernel_hook", "ring", "fragments", "attempts", "watch",
         "capture_bpf", "capture_file", "capture_pcap", "actor", "interface"],
        ["stream", "order"],
        ["ssh", "bgp_update", "bgp", "protocol"],
        ["ssh_auth"],
        ["ssh_flow"],
        ["flow"],
        ["path", "armed", "flood"],
        ["outbox"],
        ["outbox_notes"],
        ["publish", "publish_file", "publish_redis", "publish_direct"],
        ["wrapping"],
        ["flow_event"],
        ["bgp_session"],
        ["recall_bgp", "recall_ssh"],
        ["recall"],
        ["memory"],
        ["pipeline", "report", "config", "readiness", "replay", "run", "control", "confine",
         "status", "main"],
    ],
    "agent/check": [
        ["model"],
        ["finding"],
        ["rule"],
        ["rules_*"],
        ["graph*"],
        ["reach*"],
        ["rules"],
        ["check"],
        ["baseline", "ready"],
        ["sarif"],
        ["show"],
    ],
    "collector/base": [["metrics", "output"]],
    "collector/record": [["chain"], ["block", "pack"]],
    "collector/db": [["result"], ["db", "ops"], ["pg_value", "sqlite_rows"],
                     ["pg", "sqlite"]],
    "collector/store": [
        ["store", "parts", "derive"],
        ["agent", "block", "chain", "check", "document", "fleet", "flow_kept", "incident",
         "metrics", "missing", "pack", "record", "report", "source", "span", "twins"],
        ["alert", "episode", "flow", "list", "read", "retain", "source_share"],
        ["alert_open", "deliver", "judge", "known", "operate", "shared", "source_list"],
        ["chain_check"],
    ],
    "collector/words": [["words", "text"], ["incident"]],
    "collector/rules": [["incident", "silence"], ["alert", "joint"]],
    "collector/correlate": [["fold"], ["parts"], ["flow", "joint", "source"], ["correlate"]],
    "collector/ingest": [["own", "ahead"], ["alerting", "quiet", "retain"], ["notice"], ["ingest"]],
    "collector/view": [
        ["view"],
        ["row", "alert", "cover", "moments", "metrics", "path"],
        ["agents", "fleet", "flows", "lists"],
        ["coverage", "summary", "timeline", "trust"],
        ["changes", "session"],
        ["incident_parts"],
        ["incident", "incident_*"],
    ],
    "collector/report": [["report", "axis", "html_text"], ["svg"], ["html", "md"]],
    "collector/deliver": [["notify"], ["deliver"]],
    "collector/command": [
        ["query", "operate"],
        ["alerts", "judge", "report", "sessions", "timeline", "verify"],
        ["export"],
    ],
    "collector/consume": [["anchor", "trim"], ["consume"]],
    "collector/http": [["request", "limit", "token"], ["http"]],
    "collector/api": [
        ["stream"],
        ["api", "call"],
        ["args", "export", "files", "operate", "routes"],
    ],
    "collector": [["config"], ["audit", "confine", "serve"], ["main"]],
    "bpf": [["record"], ["wrap"], ["parse"], ["track"], ["fragment"], ["watch.bpf", "actor.bpf", "bench.bpf", "parsetest", "parsetest.bpf"]],
}
# Besides its own rows. Fabric is what flows and paths are judged by, so all of
# the agent may look into it; it knows nothing of packets but the record's enums.
# Of two folders one at most may look into the other, also by way of third ones.
ALSO = {
    "common": {"bpf/record.h"},
    "common/fabric": {"common/", "bpf/record.h"},
    "agent": {"common/", "bpf/", "common/fabric/", "agent/check/"},
    "agent/check": {"common/", "bpf/record.h", "common/fabric/"},
    "collector/base": {"common/"},
    "collector/record": {"common/"},
    "collector/db": {"common/"},
    "collector/store": {"common/", "collector/base/", "collector/record/", "collector/db/"},
    "collector/words": {"common/", "collector/base/", "collector/store/"},
    "collector/rules": {"common/", "collector/store/"},
    "collector/correlate": {"common/", "collector/base/", "collector/store/", "collector/rules/"},
    "collector/ingest": {"common/", "collector/base/", "collector/store/", "collector/words/",
                         "collector/rules/", "collector/correlate/"},
    "collector/view": {"common/", "common/fabric/", "collector/base/", "collector/store/",
                       "collector/words/", "collector/rules/"},
    "collector/report": {"common/", "collector/base/", "collector/words/"},
    "collector/deliver": {"common/", "collector/base/", "collector/store/", "collector/view/"},
    "collector/command": {"common/", "common/fabric/", "collector/base/", "collector/record/",
                          "collector/store/", "collector/words/", "collector/rules/",
                          "collector/ingest/", "collector/view/", "collector/report/"},
    "collector/consume": {"common/", "collector/base/", "collector/store/", "collector/ingest/",
                          "collector/command/"},
    "collector/http": {"common/"},
    "collector/api": {"common/", "collector/base/", "collector/store/", "collector/view/",
                      "collector/report/", "collector/command/", "collector/http/"},
    "collector": {"common/", "collector/base/", "collector/store/", "collector/rules/",
                  "collector/deliver/", "collector/command/", "collector/consume/",
                  "collector/http/", "collector/api/"},
    "bpf": {"common/bytes.h"},
}
# Libraries that one file hides from the rest.
ONLY = {
    "sqlite3.h": r"agent/outbox|collector/db/sqlite",
    "libpq-fe.h": r"collector/db/pg",
    "microhttpd.h": r"collector/http/http\.",
    "curl/curl.h": r"collector/deliver/deliver\.",
    "pcap/pcap.h|pcap.h": r"agent/capture_pcap",
    "bpf/libbpf.h": r"agent/kernel|agent/capture_bpf|tests/",
    "hiredis/": r"common/redis|agent/publish|collector/consume/",
    "openssl/ssl.h": r"common/redis_tls",
    "yaml.h": r"common/conf_yaml|common/fabric/yaml_tree",
    "cap-ng.h": r"common/privilege",
    "seccomp.h": r"common/syscalls",
}
CLOCK = re.compile(r"\b(clock_gettime|gettimeofday|time|clock_now|timespec_get)\s*\(")
CLOCK_MAY = re.compile(r"(agent|collector)/(main|run)\.c|common/clock\.[ch]")

bad = 0


def complain(path, line, text):
    global bad
    bad += 1
    print(f"{path}:{line}: {text}", file=sys.stderr)


def place(path):
    """(way, row) of a source file; None when it is generated or a system's."""
    for way in sorted(WAYS, key=len, reverse=True):
        if path.startswith(way + "/"):
            stem = re.sub(r"\.[ch]$", "", path[len(way) + 1:])
            for row, names in enumerate(WAYS[way]):
                if stem in names:
                    return way, row
            for row, names in enumerate(WAYS[way]):
                if any(n.endswith("*") and stem.startswith(n[:-1]) for n in names):
                    return way, row
            return way, None
    return None


def strip(text):
    """Comments and strings become blanks; line numbers stay."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check(path):
    way, row = place(path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if row is None:
        complain(path, 1, f"not in a row of {way} in tests/includes.py; add it where it belongs")
        return
    for n, line in enumerate(text.split("\n"), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not m:
            continue
        name = m.group(2)
        for headers, who in ONLY.items():
            if any(name == h or (h.endswith("/") and name.startswith(h))
                   for h in headers.split("|")) and not re.match(who, path):
                complain(path, n, f"<{name}> is hidden behind {who}")
        if m.group(1) == "<":
            continue
        if way == "bpf" and os.path.exists("bpf/" + name):
            name = "bpf/" + name
        if not os.path.exists(name):
            continue  # generated: skeleton, vmlinux.h, SQL text
        other = place(name)
        if any(name == a or (a.endswith("/") and name.startswith(a)) for a in ALSO[way]):
            continue
        if other is None or other[0] != way:
            complain(path, n, f"{way} must not include {name}")
        elif other[1] is not None and other[1] > row:
            complain(path, n, f"includes {name}, which stands to its right")
    if way != "bpf" and not CLOCK_MAY.fullmatch(path):
        for m in CLOCK.finditer(strip(text)):
            n = text.count("\n", 0, m.start()) + 1
            complain(path, n, f"asks the system for the time ({m.group(1)}); take `now` as argument")


def beyond(way):
    """The folders that a folder looks into, and those that these look into."""
    seen, left = set(), [way]
    while left:
        for a in ALSO[left.pop()]:
            if a.rstrip("/") in WAYS and a not in seen:
                seen.add(a)
                left.append(a.rstrip("/"))
    return seen


count = 0
for way in WAYS:
    if way + "/" in beyond(way):
        complain("tests/includes.py", 1, f"what {way} looks into looks into {way}")
    for base, dirs, files in os.walk(way):
        for name in files:
            path = os.path.join(base, name)
            if re.search(r"\.[ch]$", name) and place(path)[0] == way:
                count += 1
                check(path)
if not bad:
    print(f"  ok      {count} files include leftwards only; the clock is read in main and run")
sys.exit(1 if bad else 0)
