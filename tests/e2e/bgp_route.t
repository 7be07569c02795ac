#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Real BGP daemons: a ToR withdraws its Loopback6, announces it again, a session is cleared. An agent
# beside lab1-AR-CE1 (watch.underlay), by eBPF, says what the messages say; the replay of a capture of
# the same packets says the same.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
command -v tcpdump >/dev/null || bail "tcpdump is not installed: run 'make deps'"
raise b

# ce1's three sessions, each with the loopbacks of the devices behind it
tcpdump_pid=()
ports=(et1-1 et5-1 et6-1)
space=$lab_name-ce1
for p in "${ports[@]}"; do
	(exec ip netns exec "$space" tcpdump -i "$p" -n -w "$work/$p.pcap" -s 0 -B 65536 --immediate-mode \
		-U -Z root tcp port 179) 2>"$work/$p.err" &
	tcpdump_pid[${#tcpdump_pid[@]}]=$!
	await grep -q 'listening on' "$work/$p.err" || bail "tcpdump does not start"
done
(exec ip netns exec "$space" "$agent" run -i et1-1 -i et5-1 -i et6-1 --capture bpf --watch-underlay \
	--fabric "$fabric" --name ce1 --output "$work/bpf.json" --state "$work/state" \
	--timeout-linger 1s --timeout-update 1s) 2>"$work/bpf.err" &
agent_pid[bpf]=$!
await grep -q ready "$work/bpf.err" || {
	show "$work/bpf.err"
	bail "the agent did not start capturing"
}

# said PYTHON: how many events make the expression true; e is the event, route its bgp.route.
said()
{
	"$python" - "$work/bpf.json" "$1" <<-'END'
		import json, sys
		n = 0
		for line in open(sys.argv[1]):
		    if not line.endswith("\n"):
		        break
		    e = json.loads(line)
		    bgp = e.get("bgp", {})
		    route = bgp.get("route", {})
		    device = e.get("device", {}).get("name", "")
		    n += bool(eval(sys.argv[2]))
		print(n)
	END
}
at_least() { [ "$(said "$2")" -ge "$1" ]; }

# A session met in mid-stream is one after its first KEEPALIVE.
alive()
{
	"$python" - "$work/bpf.json" <<-'END'
		import json, sys
		events = [json.loads(line) for line in open(sys.argv[1]) if line.endswith("\n")]
		alive = {e["flow"]["id"] for e in events if e["type"] == "flow.update" and
		         all(e.get("bgp", {}).get(s, {}).get("keepalive") for s in ("source", "destination"))}
		sys.exit(len(alive) < 3)
	END
}
ok "three sessions are alive" await alive

# They were met in mid-stream: cleared, they are known from their beginning.
ok "every session of lab1-AR-CE1 is cleared" eval 'lab clear-bgp ce1 pe && lab clear-bgp ce1 tor1 &&
	lab clear-bgp ce1 tor2'
# ... which FRR puts into a hard reset where both sides can restart gracefully (RFC 8538)
reset='any("Cease/Administrative Reset" in (n["name"], n.get("inner"))
	for n in bgp.get("notifications", []))'
ok "clear bgp is a NOTIFICATION with its name" \
	await at_least 3 'e["type"] == "bgp.message" and '"$reset"
ok "... by which the session goes down" \
	await at_least 3 'e["type"] == "bgp.session" and bgp["session"]["state"] == "down" and '"$reset"
ok "... and comes up again" await at_least 3 \
	'e["type"] == "bgp.session" and bgp["session"] == {"state": "up", "reason": "established"}'
tor1='e["type"] == "bgp.route" and device == "lab1-CP1-TOR1"'
lo4=$(lab address tor1 lo6 4) lo6=$(lab address tor1 lo6 6)
ok "lab1-CP1-TOR1 is armed, IPv4" await at_least 1 \
	"$tor1"' and route["armed"] and route["prefix"] == "'"$lo4"'/32"'
ok "lab1-CP1-TOR1 is armed, IPv6" await at_least 1 \
	"$tor1"' and route["armed"] and route["prefix"] == "'"$lo6"'/128"'

# cleared above, a route may have gone with its session and come back: what counts is what comes now
marks=$(wc -l <"$work/bpf.json")
since() { # PYTHON: the same, of what came after the mark
	tail -n +$((marks + 1)) "$work/bpf.json" >"$work/since.json"
	"$python" - "$work/since.json" "$1" <<-'END'
		import json, sys
		events = [json.loads(line) for line in open(sys.argv[1]) if line.endswith("\n")]
		routes = [e for e in events if e["type"] == "bgp.route"]
		sys.exit(not eval(sys.argv[2]))
	END
}
mine='e["device"]["name"] == "lab1-CP1-TOR1"'
ok "FRR withdraws lab1-CP1-TOR1's Loopback6" lab cut-lo6 tor1
gone='[e for e in routes if '"$mine"' and e["severity"] == "warning" and not e["bgp"]["route"]["armed"]
	and e["bgp"]["route"]["action"] == "withdraw" and "reason" not in e["bgp"]["route"]]'
ok "... so it is not armed, in either family" await since \
	"{e['bgp']['route']['target'] for e in $gone} == {'$lo4', '$lo6'}"
# what the cleared sessions still tell of other devices changes nothing for those
ok "... and no other device loses anything" since "all($mine for e in routes if e['severity'] == 'warning')"
marks=$(wc -l <"$work/bpf.json")
ok "FRR announces it again" lab heal-lo6 tor1
ok "... so it is armed again" await since \
	"{e['bgp']['route']['target'] for e in routes if $mine and e['severity'] == 'notice' and
	e['bgp']['route']['armed'] and 65101 in e['bgp']['route']['as_path']} == {'$lo4', '$lo6'}"

# A session that carried routes goes: they are gone with it, on this session.
marks=$(wc -l <"$work/bpf.json")
ok "the session ce1-tor1 is shut down" lab cut-bgp ce1 tor1
ok "... its routes go with it" await since \
	"{e['bgp']['route']['target'] for e in routes if $mine and
	e['bgp']['route'].get('reason') == 'session-down'} >= {'$lo4', '$lo6'}"
marks=$(wc -l <"$work/bpf.json")
ok "the session comes back" lab heal-bgp ce1 tor1
ok "... and its routes with it" await since \
	"{e['bgp']['route']['target'] for e in routes if $mine and e['bgp']['route']['action'] == 'announce' and
	e['bgp']['route']['as_path'] == [65101]} == {'$lo4', '$lo6'}"

# the agent and tcpdump do not stop at once: what came before this, both have seen
cut=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ) cut_s=$(date +%s)
past_cut()
{
	[ "$(tcpdump -r "$work/$1.pcap" -n -tt 2>/dev/null | tail -n 1 | cut -d . -f 1)" -gt "$cut_s" ]
}
ok "the agent stops" stop_agent bpf
for p in "${ports[@]}"; do # KEEPALIVEs go on
	await past_cut "$p"
done
for p in "${tcpdump_pid[@]}"; do
	kill "$p" && wait "$p"
done
ok "tcpdump missed nothing" eval \
	'[ "$(cat "$work"/et*.err | grep -c "^0 packets dropped by kernel")" = 3 ]'
# several files are read one after the other: here they are put in the order of time
cat >"$work/merge.py" <<'END'
import struct
import sys

packets = []
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    head, at = data[:24], 24
    while at < len(data):
        s, us, n = struct.unpack_from("<III", data, at)
        packets.append((s, us, data[at:at + 16 + n]))
        at += 16 + n
packets.sort(key=lambda p: p[:2])
sys.stdout.buffer.write(head + b"".join(p[2] for p in packets))
END
ok "the captures replay" eval '"$python" "$work/merge.py" "$work"/et?-1.pcap |
	"$agent" replay --fabric "$fabric" --watch-underlay --name ce1 - >"$work/replay.json" 2>"$work/replay.err"' ||
	show "$work/replay.err"

cat >"$work/compare.py" <<'END'
"""The BGP events of two runs up to a time, per connection, without what two observers cannot share.

Messages that cross are seen in either order: on its way out a packet meets the agent first, on its way in
tcpdump. What one side says has an order; between the two sides there is none.
"""
import collections
import json
import sys


def read(path):
    said = collections.defaultdict(list)
    for line in open(path):
        e = json.loads(line)
        if not e["type"].startswith("bgp.") or e["time"] > sys.argv[3]:
            continue
        bgp = e["bgp"]
        for kept in ("opens", "notifications"):
            bgp.get(kept, []).sort(key=lambda m: m["from"])
        both = "session" in bgp
        message = bgp.get("route") or (bgp.get("opens") or bgp.get("notifications") or [{}])[0]
        said[e["network"]["community_id"], "both" if both else message["from"]].append(
            {k: e.get(k) for k in ("type", "severity", "device", "path", "trust", "bgp")})
    return said


first, other = read(sys.argv[1]), read(sys.argv[2])
bad = 0
for key in sorted(set(first) | set(other)):
    a, b = first[key], other[key]
    if a == b:
        continue
    bad += 1
    for line in sorted({json.dumps(e, sort_keys=True) for e in a} ^
                       {json.dumps(e, sort_keys=True) for e in b}):
        print(*key, line)
    print("%s, %s: %d and %d events" % (*key, len(a), len(b)))
connections = {key[0] for key in first}
print("connections: %d, events: %d" % (len(connections), sum(map(len, first.values()))))
sys.exit(bad > 0 or len(connections) < 6)
END
ok "the replay says what the kernel's capture said" \
	eval '"$python" "$work/compare.py" "$work/bpf.json" "$work/replay.json" "$cut" >"$work/diff"'
show "$work/diff"
ok "every event is as the schema wants it" eval \
	'"$python" "$root/tests/validate_events.py" "$work/bpf.json" "$work/replay.json" >"$work/valid"' ||
	show "$work/valid"
done_testing
