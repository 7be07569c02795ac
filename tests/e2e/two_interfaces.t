#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One flow on two interfaces is one flow: a stranger's session crosses the management host, in at one
# interface and out at another, both watched. Its packets count once, as for an agent that watches
# only one of the two; the second sightings are counted as such.
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
raise i

ok "offloads off on every link" lab offload off
start_agent one --fabric "$fabric" --capture bpf
start_agent two --fabric "$fabric" --capture bpf -i bad0
start_agent pcap --fabric "$fabric" --capture pcap -i bad0
ok "a stranger gets no further than his key" eval '! lab bad-ssh ce1 ma1 </dev/null 2>/dev/null'
ok "every flow ends (one interface)" await flows_ended one
ok "every flow ends (both, eBPF)" await flows_ended two
ok "every flow ends (both, libpcap)" await flows_ended pcap
for a in one two pcap; do
	ok "$a: status" eval '"$agent" status --state "$work/$a.state" --format json >"$work/$a.status"'
	stop_agent $a
done

cat >"$work/compare.py" <<'EOF'
"""DIRECTORY: what was seen at one interface and at both."""
import json
import sys

KEYS = ("source", "destination", "trust", "ssh", "path", "service")
FLOW = ("state", "outcome", "retransmits", "missed_bytes", "fragments")


def flows(name):
    events = [json.loads(line) for line in open("%s/%s.json" % (sys.argv[1], name))]
    return [{**{k: e.get(k) for k in KEYS}, **{k: e["flow"][k] for k in FLOW}}
            for e in events if e["type"] == "flow.end"]


def find(node, key):
    """The value of that key, wherever it is in the document."""
    if isinstance(node, dict):
        if key in node:
            return node[key]
        node = list(node.values())
    for child in node if isinstance(node, list) else []:
        found = find(child, key)
        if found is not None:
            return found
    return None


def verdict(right, text, *details):
    print("%sok - %s" % ("" if right else "not ", text))
    if not right:
        print(*details, sep="\n")


one = flows("one")
verdict(len(one) == 1 and one[0]["trust"]["verdict"] == "untrusted" and one[0]["state"] == "SF",
        "one interface: one flow, whole", one)
for name in "two", "pcap":
    verdict(flows(name) == one, "%s: both interfaces say the same" % name, flows(name), one)
    again = find(json.load(open("%s/%s.status" % (sys.argv[1], name))), "other_interface")
    seen = one[0]["source"]["packets"] + one[0]["destination"]["packets"]
    verdict(again == seen, "%s: each packet was seen twice" % name, again, seen)
EOF
verdicts compare.py < <("$python" "$work/compare.py" "$work" 2>&1)
done_testing
