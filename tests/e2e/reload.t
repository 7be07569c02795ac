#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The fabric is reloaded while connections come in: every flow is judged by one generation or the
# other, whole; none is lost; a broken file leaves the old generation in force and is named.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
raise r

copy=$work/fabric
cp -r "$fabric" "$copy"
cfg=$copy/lab1-AR-CE1.cfg
cp "$cfg" "$work/open.cfg"
# The other policy: nobody from the operators' network, by another rule.
sed 's,^   seq 5 deny 198.18.66.0/24,   seq 1 deny 198.18.0.0/15,
	s,^   seq 10 permit 2001:db8:ffff::/48,   seq 1 deny 2001:db8::/32,' \
	"$work/open.cfg" >"$work/shut.cfg"
# A line that is known and cannot be read.
sed 's,^   ip address 192.0.2.11/24,   ip address 192.0.2.311/24,' "$work/open.cfg" >"$work/broken.cfg"
broken_line=$(grep -n '192.0.2.311' "$work/broken.cfg" | cut -d : -f 1)

start_agent a --fabric "$copy" --capture bpf

# Connects to lab1-AR-CE1 again and again, both paths and both families, until told to stop; prints
# how many connections it made.
cat >"$work/traffic.py" <<'EOF'
import os, socket, sys, time
made = 0
while not os.path.exists(sys.argv[1]):
    for address in sys.argv[2:]:
        s = socket.create_connection((address, 22), timeout=60)
        s.makefile("rb").readline()
        s.close()
        made += 1
        time.sleep(0.005)
print(made)
EOF
on_mgmt "$python" "$work/traffic.py" "$work/stop" 192.0.2.11 198.51.100.64 2001:db8:0:1::11 \
	2001:db8:0:6::64 >"$work/made" 2>"$work/traffic.err" &
traffic=$!

events_of() { grep -c "\"type\":\"$1\"" "$work/a.json"; }
more_flows() { [ "$(events_of flow.end)" -gt "$1" ]; }
reloads() { [ "$(grep -c 'fabric reloaded' "$work/a.err")" -ge "$1" ]; }

# put FILE: in one step, as a backup tool does it; then SIGHUP.
put()
{
	cp "$1" "$work/new.cfg" && mv "$work/new.cfg" "$cfg" && kill -HUP "${agent_pid[a]}"
}

n=0
for _ in 1 2 3 4; do
	for which in shut open; do
		await more_flows "$(($(events_of flow.end) + 20))" || break 2
		put "$work/$which.cfg"
		n=$((n + 1))
		await reloads $n || break 2
	done
done
is $n 8 "eight reloads under traffic" || show "$work/a.err"
kill -0 $traffic || show "$work/traffic.err"

# A broken file
await more_flows "$(($(events_of flow.end) + 20))"
put "$work/broken.cfg"
refused() { grep -q "lab1-AR-CE1.cfg:$broken_line: .*stays in force" "$work/a.err"; }
ok "a broken file is refused, named with its line" await refused || show "$work/a.err"
before=$(events_of policy.loaded)
await more_flows "$(($(events_of flow.end) + 40))"
is "$(events_of policy.loaded)" "$before" "no policy was loaded from it"
"$agent" status --state "$work/a.state" --format json >"$work/status.json" 2>"$work/status.err" ||
	show "$work/status.err"
ok "status says so" grep -q '"reload_refused".*lab1-AR-CE1.cfg' "$work/status.json" ||
	show "$work/status.json"

# A good one again
put "$work/shut.cfg"
n=$((n + 1))
ok "the next good file is taken" await reloads $n || show "$work/a.err"
await more_flows "$(($(events_of flow.end) + 20))"
# no SIGHUP: the directory is watched
cp "$work/open.cfg" "$work/new.cfg" && mv "$work/new.cfg" "$cfg"
n=$((n + 1))
ok "a changed directory is enough" await reloads $n || show "$work/a.err"
await more_flows "$(($(events_of flow.end) + 20))"

# What no verdict depends on, but readiness does: it is told, and the tables stay as they are.
sed 's,^interface Loopback6$,&\n   shutdown,' "$work/open.cfg" >"$work/down.cfg"
told() { grep -q "\"lab1-AR-CE1\".*\"ready\":$1" <(grep '"type":"fabric.device"' "$work/a.json" | tail -n 1); }
before=$(events_of policy.loaded)
put "$work/down.cfg"
ok "a device that is ready no more is told of" await told false || show "$work/a.err"
ok "with the reason" grep -q '"codes":\["lo6-shutdown"[],]' "$work/a.json"
put "$work/open.cfg"
ok "and when it is ready again" await told true || show "$work/a.err"
is "$(events_of policy.loaded)" "$before" "no policy was loaded for that"

touch "$work/stop"
wait $traffic
ok "every flow ends" await flows_ended a
ok "the agent stops when it is told to" stop_agent a || show "$work/a.err"

cat >"$work/judge.py" <<'EOF'
"""Holds every flow event against the policy that it says judged it."""
import collections
import json
import sys

events = [json.loads(line) for line in open(sys.argv[1])]
made = int(open(sys.argv[2]).read())


def verdict(text, good):
    print("%s - %s" % ("ok" if good else "not ok", text))


def rule(e):
    t = e["trust"]
    return t["verdict"], t.get("seq"), t.get("prefix")


loaded = [e["policy"] for e in events if e["type"] == "policy.loaded"]
opened, shut = loaded[0], loaded[1]
print("generations %s and %s, %d loads, %d connections, %d events" %
      (opened, shut, len(loaded), made, len(events)))
verdict("two generations, in turn", opened != shut and
        loaded == [(opened, shut)[i % 2] for i in range(len(loaded))])

expected = {
    (opened, "ipv4"): ("trusted", 10, "198.18.0.0/16"),
    (opened, "ipv6"): ("trusted", 10, "2001:db8:ffff::/48"),
    (shut, "ipv4"): ("untrusted", 1, "198.18.0.0/15"),
    (shut, "ipv6"): ("untrusted", 1, "2001:db8::/32"),
}
flows = collections.defaultdict(list)
odd = []
for e in events:
    if e["type"].startswith("flow."):
        flows[e["flow"]["id"]].append(e)
        if expected.get((e.get("policy"), e["network"]["type"])) != rule(e):
            odd.append("%s: policy %s says %s" % (e["id"], e.get("policy"), rule(e)))
print("\n".join(odd[:10]) or "no odd one")
verdict("every flow event bears one generation and its verdict", not odd)
verdict("both generations judged flows by both families",
        {(e["policy"], e["network"]["type"]) for f in flows.values() for e in f} == set(expected))
verdict("every connection is one flow with a start and an end",
        len(flows) == made and all([sum(e["type"] == t for e in f) for t in
                                    ("flow.start", "flow.end")] == [1, 1] for f in flows.values()))
verdict("the numbers have no hole", [e["seq"] for e in events] == list(range(1, len(events) + 1)))
stop = [e for e in events if e["type"] == "agent.stats"][-1]["stats"]
verdict("nothing was dropped", not any(v for part in stop.values() for k, v in part.items()
                                       if "drop" in k and isinstance(v, int)))
EOF
verdicts judge.py < <("$python" "$work/judge.py" "$work/a.json" "$work/made" 2>&1)
done_testing
