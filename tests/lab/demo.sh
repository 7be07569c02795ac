#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make demo: raises the lab, Redis, the agent (eBPF) and the collector, plays the scenes, shows the
# events as they arrive, and ends with the incident's timeline out of the collector's store.
#
# On a terminal it stays up until Ctrl-C. With DEMO_ONCE=1, or without a terminal, it ends when the
# scenes are over: 0 only if every expected event was stored. Ctrl-C at any time removes everything.
#
# The page is on http://127.0.0.1:8686/, or another port when that one is taken (DEMO_PORT=N).
#
# DEMO_CAPTURE=pcap captures with libpcap instead; DEMO_SCENES="failover failback" plays these scenes
# only (see scenes.sh). LAB=NAME: see `lab`.

# shellcheck disable=SC2317 # functions that traps and scenes.sh call

set -u -o pipefail
export LAB=${LAB:-gwdemo} TMPDIR=${TMPDIR:-/tmp}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(realpath -m "${BUILD:-$here/../../build}")
agent=$build/glasswatch-agent collector=$build/glasswatch-collector
fabric=$here/fabric capture=${DEMO_CAPTURE:-bpf}

stay=0 colour=
if [ -t 1 ]; then
	[ -n "${NO_COLOR:-}" ] || colour=colour
	[ -n "${DEMO_ONCE:-}" ] || stay=1
fi
paint() # CODE TEXT
{
	if [ -n "$colour" ]; then printf '\033[%sm%s\033[0m\n' "$1" "$2"; else printf '%s\n' "$2"; fi
}
say() { paint '1' "$*" && beat; }
note() { paint '90' "$*"; }
die()
{
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

# Only for the eyes: at a terminal a reader is given time, and events appear under their cause.
beat() { [ -z "$colour" ] || sleep 0.7; }
pause() { beat; }

work='' agent_pid='' tail_pid='' collector_pid=''
# The agent goes first, so that its last events find Redis; what else runs on the management host
# goes with its namespace. The collector does not: the page is for this machine's browser.
clean()
{
	trap '' INT TERM HUP
	trap - EXIT
	local p
	for p in $tail_pid $agent_pid $collector_pid; do
		kill "$p" 2>/dev/null
		wait "$p" 2>/dev/null
	done
	"$here/lab" down
}
trap clean EXIT
trap 'echo; note "Taking everything down ..."; exit 130' INT TERM HUP

# Waits for something that must come; the limit is for when it never does.
await() # SECONDS WHAT COMMAND...
{
	local limit=$1 what=$2 i
	shift 2
	for ((i = 0; i < limit * 5; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.2
	done
	[ ! -s "$work/agent.log" ] || cat "$work/agent.log" >&2
	[ ! -s "$work/collector.log" ] || cat "$work/collector.log" >&2
	die "waited $limit s in vain for $what"
}

[ "$(id -u)" = 0 ] || die "the lab's network namespaces and eBPF need root: run 'sudo make demo'"
for p in "$agent" "$collector"; do
	[ -x "$p" ] || die "$p is missing: run 'make'"
done
# The usual port, or another one when it is taken.
listen=127.0.0.1:${DEMO_PORT:-8686}
if [ -z "${DEMO_PORT:-}" ] && (: </dev/tcp/127.0.0.1/8686) 2>/dev/null; then
	listen=127.0.0.1:$(/usr/bin/python3 -c \
		'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
fi
command -v redis-server >/dev/null || die "redis-server is not installed: run 'make deps'"

# shellcheck source=tests/lab/scenes.sh
. "$here/scenes.sh"
[ -z "${DEMO_SCENES:-}" ] || read -ra scenes <<<"$DEMO_SCENES"

note "Raising the lab: a management switch, a PE, two CEs, two ToRs, real SSH and BGP on each ..."
LAB_OWNER=$$ "$here/lab" up || exit 1
work=$("$here/lab" dir)/demo
mkdir "$work" "$work/redis" "$work/state" || exit 1
sock=$work/redis.sock db=$work/glasswatch.db

# Runs on the management host, out of Ctrl-C's reach: clean() ends it in order.
on_mgmt() { exec setsid ip netns exec "$LAB-mgmt" "$@"; }

on_mgmt redis-server --port 0 --unixsocket "$sock" --dir "$work/redis" --save '' --appendonly no \
	--daemonize no >"$work/redis.log" 2>&1 &
await 90 "redis-server" redis-cli -s "$sock" ping

# On loopback of this machine, not of the management host's namespace: so that it can be looked at.
url=http://$listen
# It finds the page of its build, when there is one.
setsid "$collector" run --redis "unix://$sock" --db "$db" --listen "$listen" \
	2>"$work/collector.log" &
collector_pid=$!
echo $collector_pid >"$(dirname "$work")/outside" # should we be killed, `lab down` finds it
await 90 "the collector" curl -fs "$url/readyz"
"$here/tail.py" "$sock" glasswatch:events $colour &
tail_pid=$!

cat >"$work/agent.yaml" <<EOF
name: mgmt-1
fabric: $fabric
interface: [oob0, inb0]
capture: $capture
pin: off # there is no bpffs in a namespace's /sys
redis: unix://$sock
state: $work/state
timeout:
  linger: 1s
  attempt: 10s
EOF
on_mgmt "$agent" run -c "$work/agent.yaml" 2>"$work/agent.log" &
agent_pid=$!
await 90 "the agent" grep -q ready "$work/agent.log"

paint '1;32' "The fabric works. Watching the management host by $capture."
paint '1;32' "The page: $url/"
beat
status=0
play || status=1

# Who opened a connection is known by eBPF, on a kernel that describes its types.
expect=("$here/expect.py")
[ "$capture" != bpf ] || [ ! -r /sys/kernel/btf/vmlinux ] || expect+=(--actor)
checked()
{
	"$collector" events --db "$db" --format json --limit 0 |
		"${expect[@]}" "$@" start "${scenes[@]}" whole
}
note "Waiting for the last flows to end ..."
for ((i = 0; i < 300; i++)); do
	checked >/dev/null 2>&1 && break
	sleep 0.2
done
beat

echo
paint '1;32' "What the collector has stored of it:"
checked ${colour:+--colour} || status=1
[ $status = 0 ] || cat "$work/agent.log" "$work/collector.log" >&2

echo
paint '1;32' "glasswatch-collector incidents"
"$collector" incidents --db "$db" || status=1
first=$("$collector" incidents --db "$db" --format json --device lab1-AR-CE1 |
	/usr/bin/python3 -c 'import json, sys; print(*[i["id"] for i in json.load(sys.stdin)][-1:])') ||
	status=1
if [ -n "$first" ]; then
	echo
	paint '1;32' "glasswatch-collector incidents $first"
	"$collector" incidents --db "$db" "$first" || status=1
	echo
	paint '1;32' "glasswatch-collector report $first    (its beginning)"
	"$collector" report "$first" --db "$db" --format md >"$work/report.md" || status=1
	awk '/^## / && n++ { exit } { print }' "$work/report.md"
fi

if [ $stay = 1 ]; then
	trap 'echo; note "Taking everything down ..."; exit $status' INT
	cat <<EOF

The lab stays up until Ctrl-C. The page shows what you do to it: $url/
In another terminal, as root:
  $collector flows --db $db --verdict untrusted
  $collector events --db $db --device lab1-CP1-TOR1
  $collector incidents --db $db 2
  $collector sources --db $db
  $collector report ${first:-1} --db $db --format html >review.html    to be read in a browser
  curl -s $url/api/v1/summary    the API; also /metrics
  ip netns exec $LAB-mgmt $agent status --state $work/state
  LAB=$LAB $here/lab cut-mgmt        and heal-mgmt; cut-tor tor1; cut-bgp ce1 tor2
  LAB=$LAB $here/lab ssh tor2 lo6    a shell on lab1-CP1-TOR2, over Loopback6
EOF
	wait "$tail_pid"
fi
exit $status
