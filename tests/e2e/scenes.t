#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab is what it claims to be, and the agent on its management host sees each scene for what it
# is: who, over which path, allowed or not, and why the path changed.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
raise s

# The lab itself: lo6 is reachable through BGP and through nothing else.
both_lo6() { lab ssh "$1" lo6 true </dev/null && lab ssh -6 "$1" lo6 true </dev/null; }
neither_lo6()
{
	! lab ssh "$1" lo6 true </dev/null 2>/dev/null &&
		! lab ssh -6 "$1" lo6 true </dev/null 2>/dev/null
}
ok "lo6 of tor1 answers by both families" both_lo6 tor1
ok "one of its two BGP sessions is shut" lab cut-bgp ce1 tor1
ok "lo6 of tor1 still answers, by the other CE" await both_lo6 tor1 # BGP takes its time
ok "the second BGP session is shut" lab cut-bgp ce2 tor1
ok "lo6 of tor1 is gone, though every link is up" await neither_lo6 tor1
ok "lo6 of tor2 is not" both_lo6 tor2
ok "Management1 of tor1 is not" lab ssh tor1 ma1 true </dev/null
ok "the sessions are healed" eval 'lab heal-bgp ce1 tor1 && lab heal-bgp ce2 tor1'
ok "lo6 of tor1 is back" await both_lo6 tor1

# A second lab does not meet the first; one that was killed while it rose is removed all the same.
other=gwto$$
LAB=$other "$lab_tool" up &
up=$!
await test -e "/run/netns/$other-ce1"
kill -KILL $up
wait $up 2>/dev/null
gone()
{
	! ip netns list | grep -q "^$other-" &&
		[ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name "$other.*")" ]
}
down() { LAB=$other "$lab_tool" down && gone; }
# what it had begun may come to its end after it
ok "what a killed 'lab up' has left is removed" eval 'await down && down'
ok "the other lab has not noticed" both_lo6 ce2

# The agent
start_agent a --fabric "$fabric" --capture bpf
ok "the scenes go as they should" play
ok "every flow ends" await flows_ended a
ok "the agent stops when it is told to" stop_agent a || show "$work/a.err"
expect=("$root/tests/lab/expect.py" --format tap)
[ ! -r /sys/kernel/btf/vmlinux ] || expect+=(--actor)
verdicts expect.py < <("${expect[@]}" start "${scenes[@]}" whole <"$work/a.json")
is "$(wc -l <"$work/a.err")" 1 "the agent had nothing to complain of" || show "$work/a.err"

if "$python" -c 'import jsonschema' 2>/dev/null; then
	ok "every event fits the schema" \
		eval '"$python" "$root/tests/validate_events.py" "$work/a.json" >"$work/schema.out" 2>&1' ||
		show "$work/schema.out"
fi
done_testing
