#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The same traffic captured by eBPF, by libpcap and by tcpdump for a later replay gives the same
# flow.end documents. Offloads are off, because with them libpcap sees super-packets. Then with GSO
# on: what eBPF counts, before the segments are made, is what the far end of the link receives.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
command -v tcpdump >/dev/null || bail "tcpdump is not installed: run 'make deps'"
raise t

start_tcpdump() # SPACE INTERFACE FILE OPTIONS...
{
	local space=$1 interface=$2 file=$3
	shift 3
	(exec ip netns exec "$lab_name-$space" tcpdump -i "$interface" -n -w "$file" -B 65536 \
		--immediate-mode -U -Z root "$@") 2>"$file.err" &
	tcpdump_pid[$interface]=$!
	await grep -q 'listening on' "$file.err" || bail "tcpdump does not start"
}
declare -A tcpdump_pid

stop_tcpdump() # INTERFACE FILE
{
	written "$2"
	kill "${tcpdump_pid[$1]}"
	wait "${tcpdump_pid[$1]}"
}

no_loss() { grep -q '^0 packets dropped by kernel' "$1.err"; }

# 8 MiB each way, in one session
megabytes=8
bulk() # -6|"" DEVICE ma1|lo6
{
	head -c $((megabytes << 20)) /dev/zero | lab ssh ${1:+"$1"} "$2" "$3" \
		"cat >/dev/null; head -c $((megabytes << 20)) /dev/zero" | wc -c |
		grep -qx $((megabytes << 20))
}

#
# Three ways
#
ok "offloads off on every link" lab offload off
start_tcpdump mgmt oob0 "$work/oob0.pcap"
start_tcpdump mgmt inb0 "$work/inb0.pcap"
start_agent bpf --fabric "$fabric" --capture bpf
start_agent pcap --fabric "$fabric" --capture pcap

ok "the scenes go as they should" play
ok "a bulk transfer to Management1" bulk "" tor2 ma1
ok "a bulk transfer to Loopback6 by IPv6" bulk -6 tor1 lo6
ok "every flow ends (eBPF)" await flows_ended bpf
ok "every flow ends (libpcap)" await flows_ended pcap
stop_agent bpf
stop_agent pcap
stop_tcpdump oob0 "$work/oob0.pcap"
stop_tcpdump inb0 "$work/inb0.pcap"
ok "tcpdump missed nothing" eval 'no_loss "$work/oob0.pcap" && no_loss "$work/inb0.pcap"'
for i in oob0 inb0; do
	"$agent" replay --fabric "$fabric" --name mgmt-1 --timeout-linger 1s --timeout-attempt 10s \
		"$work/$i.pcap" >>"$work/replay.json" 2>"$work/replay.err" ||
		ok "the replay of $i" false || show "$work/replay.err"
done

cat >"$work/compare.py" <<'EOF'
"""Prints the differences between flow.end documents: OTHER against FIRST."""
import json
import sys

# What three observers of one packet cannot share: numbers and names given by each, clocks (the
# kernel's is coarse, a file's has its own resolution), and who opened it, which only eBPF sees.
OWN = {"id", "seq", "time", "agent", "actor"}
OWN_FLOW = {"id", "start", "end", "duration", "handshake_ms"}


def flows(path):
    found = {}
    for line in open(path):
        e = json.loads(line)
        if e["type"] != "flow.end":
            continue
        doc = {k: v for k, v in e.items() if k not in OWN}
        doc["flow"] = {k: v for k, v in e["flow"].items() if k not in OWN_FLOW}
        key = e["network"]["community_id"]
        if key in found:
            print("%s: %s twice" % (path, key))
        found[key] = doc
    return found


def leaves(doc, at=""):
    if isinstance(doc, dict):
        for k, v in doc.items():
            yield from leaves(v, at + "." + k if at else k)
    else:
        yield at, doc


first, other = flows(sys.argv[1]), flows(sys.argv[2])
print("flows: %d" % len(first))
for key in sorted(set(first) | set(other)):
    a, b = first.get(key), other.get(key)
    if a is None or b is None:
        print("only in the %s: %s" % ("second" if a is None else "first", json.dumps(a or b)))
        continue
    a, b = dict(leaves(a)), dict(leaves(b))
    for name in sorted(set(a) | set(b)):
        if a.get(name) != b.get(name):
            print("%s:%s %s: %s is %s and %s" % (a.get("source.ip"), a.get("source.port"),
                  a.get("destination.ip"), name, a.get(name), b.get(name)))
EOF
same() # KEY KEY
{
	"$python" "$work/compare.py" "$work/$1.json" "$work/$2.json" >"$work/diff" 2>&1
	[ "$(grep -vc '^flows: ' "$work/diff")" = 0 ] && grep -q '^flows: [1-9][0-9]' "$work/diff"
}
ok "libpcap's flow.end documents are eBPF's" same bpf pcap || show "$work/diff"
ok "the replay's flow.end documents are eBPF's" same bpf replay || show "$work/diff"
verdicts expect.py < <("$root/tests/lab/expect.py" --format tap "${scenes[@]}" <"$work/bpf.json")
verdicts expect.py < <("$root/tests/lab/expect.py" --format tap "${scenes[@]}" <"$work/pcap.json")

#
# GSO: the far end of the link is the device's own interface. Sockets are kept small, so that no
# queue between the two overflows and makes the counts differ by right.
#
ok "GSO on, links carry real segments" lab offload gso
for s in mgmt ce1; do
	lab exec $s sh -c 'cd /proc/sys/net/ipv4
		echo 4096 87380 262144 >tcp_rmem && echo 4096 65536 262144 >tcp_wmem'
done
start_tcpdump ce1 Ma1 "$work/far.pcap" -s 128 tcp port 22
start_agent gso --fabric "$fabric" --capture bpf
ok "a bulk transfer, IPv4" bulk "" ce1 ma1
ok "a bulk transfer, IPv6" bulk -6 ce1 ma1
ok "both flows end" await flows_ended gso
stop_agent gso
stop_tcpdump Ma1 "$work/far.pcap"
ok "tcpdump at the far end missed nothing" no_loss "$work/far.pcap"

cat >"$work/far.py" <<'EOF'
"""Packets and IP bytes by flow and direction: a capture file against flow.end documents."""
import collections
import ipaddress
import json
import struct
import sys

packets, sent = collections.Counter(), collections.Counter()
largest = 0
with open(sys.argv[1], "rb") as f:
    data = f.read()
at = 24
while at < len(data):
    n = struct.unpack_from("<I", data, at + 8)[0]
    p = data[at + 16:at + 16 + n]
    at += 16 + n
    kind = struct.unpack_from(">H", p, 12)[0]
    if kind == 0x0800:
        size, head = struct.unpack_from(">H", p, 16)[0], 14 + (p[14] & 15) * 4
        ends = p[26:30], p[30:34]
    else:
        size, head = 40 + struct.unpack_from(">H", p, 18)[0], 54
        ends = p[22:38], p[38:54]
    ports = struct.unpack_from(">HH", p, head)
    key = tuple((str(ipaddress.ip_address(a)), port) for a, port in zip(ends, ports))
    packets[key] += 1
    sent[key] += size
    largest = max(largest, size)

bad = seen = 0
for line in open(sys.argv[2]):
    e = json.loads(line)
    if e["type"] != "flow.end":
        continue
    ends = [(e[s]["ip"], e[s]["port"]) for s in ("source", "destination")]
    for side, key in (("source", tuple(ends)), ("destination", tuple(ends[::-1]))):
        seen += 1
        got = e[side]["packets"], e[side]["bytes"]
        far = packets[key], sent[key]
        print("%s: the agent %d packets, %d bytes; the far end %d, %d" % ((key[0][0],) + got + far))
        bad += got != far or far[0] < 1000
print("largest packet at the far end: %d" % largest)
sys.exit(bad > 0 or seen != 4 or largest > 1500)
EOF
ok "eBPF counts what the far end counts, by packets and bytes, both ways" \
	eval '"$python" "$work/far.py" "$work/far.pcap" "$work/gso.json" >"$work/far.out" 2>&1'
show "$work/far.out"
done_testing
