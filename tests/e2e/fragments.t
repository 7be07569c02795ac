#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# SSH through a router whose link to the management host is narrower than the packets, which do not
# forbid fragments: what a device sends arrives in IP fragments. eBPF, libpcap and a replay count
# them all to the session, and read the device's KEXINIT, which no fragment holds whole.
# shellcheck disable=SC2016
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
command -v tcpdump >/dev/null || bail "tcpdump is not installed: run 'make deps'"
raise f

# A locked MTU allows fragments, for sockets that are open already too.
narrow()
{
	local via dev
	read -r via dev < <(lab exec ce1 ip -4 route get 198.18.1.10 |
		sed -n 's/.* via \([^ ]*\) dev \([^ ]*\) .*/\1 \2/p')
	lab offload off &&
		ip -n "$lab_name-pe" link set mgmt mtu 600 &&
		ip -n "$lab_name-mgmt" link set inb0 mtu 600 &&
		ip -n "$lab_name-mgmt" route change 198.51.100.64/27 via "$(gateway)" dev inb0 \
			src 198.18.1.10 advmss 1400 &&
		lab exec ce1 ip route add 198.18.1.10/32 via "$via" dev "$dev" mtu lock 1500
}

gateway()
{
	ip -n "$lab_name-mgmt" route show 198.51.100.64/27 | sed 's/.* via \([^ ]*\) .*/\1/'
}

bytes=300000
session() # lo6|ma1
{
	lab ssh ce1 "$1" "head -c $bytes /dev/zero" </dev/null | wc -c | grep -qx $bytes
}

ok "the link is narrow" narrow
(exec ip netns exec "$lab_name-mgmt" tcpdump -i inb0 -n -w "$work/inb0.pcap" -B 65536 \
	--immediate-mode -U -Z root tcp) 2>"$work/tcpdump.err" &
tcpdump_pid=$!
await grep -q 'listening on' "$work/tcpdump.err" || bail "tcpdump does not start"
start_agent bpf --fabric "$fabric" --capture bpf
start_agent pcap --fabric "$fabric" --capture pcap
ok "a session in fragments" session lo6
ok "a session in whole packets" session ma1
ok "every flow ends (eBPF)" await flows_ended bpf
ok "every flow ends (libpcap)" await flows_ended pcap
stop_agent bpf
stop_agent pcap
written "$work/inb0.pcap"
kill $tcpdump_pid
wait $tcpdump_pid
ok "tcpdump missed nothing" grep -q '^0 packets dropped by kernel' "$work/tcpdump.err"
"$agent" replay --fabric "$fabric" --name mgmt-1 --timeout-linger 1s "$work/inb0.pcap" \
	>"$work/replay.json" 2>"$work/replay.err" || show "$work/replay.err"

cat >"$work/compare.py" <<'EOF'
"""FILE... KEY.json...: the session in fragments, as each of them saw it."""
import json
import struct
import sys

WHAT = ("source", "destination", "network", "ssh")


def flows(path):
    found = {}
    for line in open(path):
        e = json.loads(line)
        if e["type"] == "flow.end":
            found[e["path"]] = e
    return found


def on_the_wire(path):
    """Packets, bytes and fragments that the device sent, by a reading of our own."""
    data, at, count = open(path, "rb").read(), 24, [0, 0, 0]
    while at < len(data):
        n = struct.unpack_from("<I", data, at + 8)[0]
        ip = data[at + 16 + 14:at + 16 + n]
        at += 16 + n
        if ip[0] >> 4 == 4 and ip[12:14] == b"\xc6\x33":  # 198.51
            total, _, frag = struct.unpack_from(">HHH", ip, 2)
            count = [count[0] + 1, count[1] + total, count[2] + ((frag & 0x3fff) != 0)]
    return count


def verdict(right, text, *details):
    print("%sok - %s" % ("" if right else "not ", text))
    if not right:
        print(*("%s" % (d,) for d in details), sep="\n")


packets, size, fragments = on_the_wire(sys.argv[1])
seen = {path.split("/")[-1]: flows(path) for path in sys.argv[2:]}
verdict(fragments > 300, "the session came in %d fragments" % fragments)
for name, by_path in seen.items():
    e = by_path["in-band"]
    verdict(e["destination"]["packets"] == packets and e["destination"]["bytes"] == size,
            "%s counts every fragment" % name, e["destination"], (packets, size))
    verdict(e["flow"]["fragments"] == fragments and e["flow"]["missed_bytes"] == 0 and
            e["flow"]["state"] == "SF", "%s misses no byte" % name, e["flow"])
    first = seen["bpf.json"]
    verdict("hassh" in e["ssh"]["server"] and e["ssh"] == first["primary"]["ssh"],
            "%s reads KEXINIT as in whole packets" % name, e.get("ssh"), first["primary"].get("ssh"))
    verdict(all(e[k] == first["in-band"][k] for k in WHAT) and
            all(e["flow"][k] == first["in-band"]["flow"][k] for k in ("retransmits", "state")),
            "%s says what eBPF says" % name, e, first["in-band"])
EOF
verdicts compare.py < <("$python" "$work/compare.py" "$work/inb0.pcap" "$work/bpf.json" \
	"$work/pcap.json" "$work/replay.json" 2>&1)
done_testing
