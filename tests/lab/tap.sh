# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2015,SC2034,SC2317
#
# For the end-to-end tests that need a lab: TAP, a lab of their own that goes whatever happens, and
# agents on its management host. A test sources this file, and ends with done_testing.

set -u -o pipefail
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
build=$(realpath -m "${BUILD:-$root/build}")
agent=$build/glasswatch-agent collector=$build/glasswatch-collector
fabric=$root/tests/lab/fabric python=/usr/bin/python3
export PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH

tap_n=0 tap_failed=0

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

# A file as a comment, for the reader of a failure.
show() { [ ! -e "$1" ] || sed 's/^/# | /' "$1"; }

# ok TEXT COMMAND...: true when the command is.
ok()
{
	local text=$1
	shift
	tap_n=$((tap_n + 1))
	if "$@"; then
		echo "ok $tap_n - $text"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_n - $text"
		return 1
	fi
}

is() # GOT WANTED TEXT
{
	ok "$3" test "$1" = "$2" || {
		diag "     got: $1"
		diag "expected: $2"
		return 1
	}
}

# Takes over the verdicts of another program, lines of "ok - text" and "not ok - text":
#	verdicts NAME < <(PROGRAM)
# One that ends badly without a "not ok" has not looked at everything.
verdicts()
{
	local line got=0 source=$! failed=$tap_failed status
	while IFS= read -r line; do
		case $line in
		"ok - "*) ok "${line#ok - }" true ;;
		"not ok - "*) ok "${line#not ok - }" false ;;
		*) diag "$line" && continue ;;
		esac
		got=$((got + 1))
	done
	wait "$source"
	status=$?
	[ $status -eq 0 ] || [ "$tap_failed" -gt "$failed" ] || ok "$1 ended with status $status" false
	[ $got -gt 0 ] || ok "$1 gave no verdict" false
}

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 0
}

done_testing()
{
	echo "1..$tap_n"
	[ $tap_failed -eq 0 ]
	exit
}

bail()
{
	echo "Bail out! $*"
	exit 1
}

# Waits for what must come. The limit only ends a test that hangs.
await() # COMMAND...
{
	local i
	for ((i = 0; i < 900; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	diag "waited 90 s in vain: $*"
	return 1
}

# Waits until nothing has been written to a file for a second: tcpdump may be behind, and what it has
# not read when it is stopped is lost.
written() # FILE
{
	local i size=-1 now
	for ((i = 0; i < 90; i++)); do
		now=$(stat -c %s "$1")
		[ "$now" != "$size" ] || return 0
		size=$now
		sleep 1
	done
	diag "still growing after 90 s: $1"
	return 1
}

need_root()
{
	[ "$(id -u)" = 0 ] || skip_all "network namespaces and captures need root"
}

need_programs()
{
	[ -x "$agent" ] && [ -x "$collector" ] || bail "no programs in $build: run 'make'"
}

#
# The lab
#

tap_clean()
{
	local p
	trap - EXIT
	trap '' INT TERM HUP
	# shellcheck disable=SC2046 # a list of process ids
	for p in $(jobs -p); do
		kill "$p" 2>/dev/null
	done
	wait 2>/dev/null
	[ -z "${lab_name:-}" ] || LAB=$lab_name "$root/tests/lab/lab" down
	[ -z "${work:-}" ] || rm -rf -- "$work"
}

# A directory of the test's own; goes with it.
make_work()
{
	work=$(mktemp -d "${TMPDIR:-/tmp}/gwtest.XXXXXX") || bail "no temporary directory"
	trap tap_clean EXIT
	trap 'exit 130' INT TERM HUP
}

# raise LETTER: a lab named after the test and this process.
raise()
{
	lab_name=gwt$1$$
	export LAB=$lab_name
	make_work
	# shellcheck source=tests/lab/scenes.sh
	. "$root/tests/lab/scenes.sh"
	LAB_OWNER=$$ lab up 2>"$work/lab.err" || {
		show "$work/lab.err"
		bail "the lab did not come up"
	}
}

on_mgmt() { ip netns exec "$lab_name-mgmt" "$@"; }

#
# Agents on the management host: start_agent KEY OPTIONS...; its events are in $work/KEY.json, its
# words in $work/KEY.err. Flows end soon after they are closed, so that a test need not wait.
#
declare -A agent_pid
start_agent()
{
	local key=$1
	shift
	# exec: the process to stop is the agent itself. There is no bpffs in a namespace's /sys.
	(exec ip netns exec "$lab_name-mgmt" "$agent" run -i oob0 -i inb0 --name mgmt-1 \
		--output "$work/$key.json" --state "$work/$key.state" --timeout-linger 1s \
		--timeout-attempt 10s --pin off "$@") 2>"$work/$key.err" &
	agent_pid[$key]=$!
	await grep -q "ready" "$work/$key.err" || {
		show "$work/$key.err"
		bail "the agent did not start capturing"
	}
}

# Asks it to stop; true when it ended well, and wanted no more rights than it has.
stop_agent()
{
	kill "${agent_pid[$1]}" && wait "${agent_pid[$1]}" &&
		! grep "is not in this program's table" "$work/$1.err"
}

# True when every flow of which a start was reported has ended, and there was one at least.
flows_ended()
{
	"$python" - "$work/$1.json" <<-'EOF'
		import json, sys
		seen = {"flow.start": set(), "flow.end": set()}
		for line in open(sys.argv[1]):
		    e = json.loads(line)
		    if e["type"] in seen:
		        seen[e["type"]].add(e["flow"]["id"])
		sys.exit(not (seen["flow.start"] and seen["flow.start"] <= seen["flow.end"]))
	EOF
}
