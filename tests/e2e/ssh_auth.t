#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# How logins of real SSH ended, as the agent infers it, against what server and client say. One half
# of a matrix (ciphers, ways to log in, ways to fail) is played without offloads and seen three ways,
# which must agree; the other with super-packets and small segments. GW_SSH_MATRIX=full plays all of
# it; the table that comes out is the one in docs/ssh-login.md.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
command -v tcpdump >/dev/null || bail "tcpdump is not installed: run 'make deps'"
make_work
export LAB=gwta$$
matrix=$root/tests/lab/ssh_matrix.py
half_a=a half_b=b
[ "${GW_SSH_MATRIX:-}" != full ] || half_a=full

leave()
{
	local p
	trap '' INT TERM HUP
	# shellcheck disable=SC2046 # a list of process ids
	for p in $(jobs -p); do
		kill "$p" 2>/dev/null
	done
	wait 2>/dev/null
	"$matrix" down "$work/lab"
	tap_clean
}
trap leave EXIT
mkdir "$work/lab" && chmod 755 "$work"
"$matrix" up "$work/lab" >"$work/up.log" 2>&1 || {
	show "$work/up.log"
	bail "the servers did not start"
}

ports=2201,2202,2203,2204,2205,2206,2207,2208
watch=(--fabric "$work/lab/fabric" --ssh-port "$ports" --timeout-linger 1s --timeout-attempt 10s)
declare -A observer
start_bpf_or_pcap() # KEY bpf|pcap
{
	(exec ip netns exec "$LAB-client" "$agent" run -i cable --capture "$2" --name mgmt-1 \
		--output "$work/$1.json" --state "$work/$1.state" "${watch[@]}") 2>"$work/$1.err" &
	observer[$1]=$!
	await grep -q ready "$work/$1.err" || {
		show "$work/$1.err"
		bail "the agent does not capture"
	}
}

start_tcpdump() # KEY
{
	(exec ip netns exec "$LAB-client" tcpdump -i cable -n -w "$work/$1.pcap" -B 65536 \
		--immediate-mode -U -Z root) 2>"$work/$1.err" &
	observer[$1]=$!
	await grep -q 'listening on' "$work/$1.err" || bail "tcpdump does not start"
}

stop() # KEY
{
	[ ! -e "$work/$1.pcap" ] || written "$work/$1.pcap"
	kill "${observer[$1]}" && wait "${observer[$1]}"
}

replay() # KEY
{
	"$agent" replay --name mgmt-1 "${watch[@]}" "$work/$1.pcap" >"$work/$1.json" \
		2>"$work/$1.replay.err" || show "$work/$1.replay.err"
}

# The `ssh` part of each flow.end, by source.
logins() # KEY
{
	"$python" - "$work/$1.json" <<-'EOF'
		import json, sys
		for line in sorted("%s:%d %s" % (e["source"]["ip"], e["source"]["port"],
		                                 json.dumps(e.get("ssh"), sort_keys=True))
		                   for e in map(json.loads, open(sys.argv[1])) if e["type"] == "flow.end"):
		    print(line)
	EOF
}

same() # KEY KEY
{
	diff <(logins "$1") <(logins "$2") >"$work/diff" 2>&1 && [ -n "$(logins "$1")" ]
}

all_ended()
{
	work=$work flows_ended "$1"
}

judged() # KEY [MARKDOWN]
{
	diag "$1:"
	verdicts "judge" < <("$matrix" judge "$work/lab" "$work/$1.json" ${2:+"$2"} 2>&1)
}

offload() # on|off
{
	local s
	for s in client server; do
		ip netns exec "$LAB-$s" ethtool -K cable tso "$1" gso "$1" gro "$1" >/dev/null 2>&1 || return 1
	done
}

# ---- three ways -----------------------------------------------------------------------------
ok "offloads off" offload off
start_tcpdump file
start_bpf_or_pcap bpf bpf
start_bpf_or_pcap pcap pcap
ok "a half of the matrix is played" eval '"$matrix" run "$work/lab" $half_a >"$work/run.log" 2>&1' ||
	show "$work/run.log"
show "$work/run.log"
ok "every flow ends (eBPF)" await all_ended bpf
ok "every flow ends (libpcap)" await all_ended pcap
for o in bpf pcap file; do
	stop $o
done
replay file
judged bpf "$build/ssh-login.md"
show "$build/ssh-login.md"
ok "libpcap says of each login what eBPF says" same bpf pcap || show "$work/diff"
ok "a replay says of each login what eBPF says" same bpf file || show "$work/diff"
"$python" "$root/tests/validate_events.py" "$work/bpf.json" >"$work/valid" 2>&1
is $? 0 "its events follow the schema" || show "$work/valid"

# ---- a capture with holes: nothing is said that is not so ---------------------------------------
"$matrix" break "$work/lab" "$work/file.pcap" "$work/holes.pcap" | sed 's/^/# /'
replay holes
cat >"$work/holes.py" <<'EOF'
import json
import sys

truth = {(r["source"], r["port"]): r["result"] for r in json.load(open(sys.argv[1]))}
unknown = wrong = 0
for line in open(sys.argv[2]):
    e = json.loads(line)
    if e["type"] != "flow.end":
        continue
    key = e["source"]["ip"], e["source"]["port"]
    if key not in truth:
        continue
    auth = e["ssh"]["auth"]
    unknown += auth["result"] == "unknown"
    if auth["result"] not in ("unknown", truth[key]):
        wrong += 1
        print("%s: %s, was %s" % (key, auth, truth[key]))
print("%d unknown" % unknown)
sys.exit(wrong > 0 or unknown < len(truth) / 2)
EOF
ok "one answer missing: unknown, or what was decided before" \
	eval '"$python" "$work/holes.py" "$work/lab/truth.json" "$work/holes.json" >"$work/holes.out"' ||
	show "$work/holes.out"

# ---- super-packets, small segments -------------------------------------------------------------
[ $half_a != full ] || done_testing
ok "offloads on" offload on
for s in client server; do
	ip netns exec "$LAB-$s" ip route show | while read -r route; do
		case $route in
		*via*) echo "route change $route advmss 400" ;;
		esac
	done | ip -n "$LAB-$s" -batch - || bail "small segments cannot be had"
done
start_tcpdump file2
start_bpf_or_pcap bpf2 bpf
start_bpf_or_pcap pcap2 pcap
ok "the other half is played" eval '"$matrix" run "$work/lab" $half_b >"$work/run.log" 2>&1' ||
	show "$work/run.log"
show "$work/run.log"
ok "every flow ends (eBPF)" await all_ended bpf2
ok "every flow ends (libpcap)" await all_ended pcap2
for o in bpf2 pcap2 file2; do
	stop $o
done
replay file2
judged bpf2
judged pcap2
judged file2
done_testing
