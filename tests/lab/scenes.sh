# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The scenes played on the lab, for the demo and the tests; to be sourced after LAB is set. Each
# function plays one scene and is true when the people in it saw what they should see. What the
# agent must have seen is in expect.py, under the same names.
#
# The caller gives say (one line of commentary) and may give a pause (before what is to be looked at).
# SCENE_LOG names a file in which the scenes of a dead switch note when they did what.

lab_tool=$(dirname "${BASH_SOURCE[0]}")/lab
scenes=(trusted_primary untrusted_primary failover failback unjustified both_dead recovered)
# One more story, longer than the demo has time for: several devices behind one dead switch.
switch_scenes=(switch_dies switch_back)

lab() { "$lab_tool" "$@"; }

declare -F say >/dev/null || say() { printf '# %s\n' "$*"; }
declare -F pause >/dev/null || pause() { :; }

# Runs a command on a device and compares the device's own word for who it is.
lands_on()
{
	local name=$1
	shift
	[ "$(lab ssh "$@" 'hostname; sleep 2' </dev/null)" = "$name" ]
}

fails()
{
	! lab "$@" </dev/null 2>/dev/null
}

scene_trusted_primary()
{
	say "An operator logs in to lab1-AR-CE1 over its Management1, as every day."
	lands_on lab1-AR-CE1 ce1 ma1 || return 1
	say "The same to lab1-CP1-TOR1, by IPv6."
	lands_on lab1-CP1-TOR1 -6 tor1 ma1
}

scene_untrusted_primary()
{
	say "198.18.66.66 stands in no trusted_sources. It tries lab1-AR-CE1: SSH answers, the login fails."
	fails bad-ssh ce1 ma1 || return 1
	say "It tries lab1-CP1-TOR1, whose list ends before any entry matches."
	fails bad-ssh tor1 ma1 || return 1
	say "It tries the management switch: connection refused."
	fails bad-ssh msw ma1
}

scene_failover()
{
	say "The management switch stops forwarding. No Management1 can be reached."
	lab cut-mgmt || return 1
	pause
	say "The operator tries Management1 of lab1-AR-CE1, and waits, and gets no answer."
	fails ssh ce1 ma1 || return 1
	say "Break glass: SSH to Loopback6, which BGP carries. IPv4 ..."
	lands_on lab1-AR-CE1 ce1 lo6 || return 1
	say "... and IPv6."
	lands_on lab1-AR-CE1 -6 ce1 lo6
}

scene_failback()
{
	say "The management switch works again."
	lab heal-mgmt || return 1
	pause
	say "The operator is back on Management1."
	lands_on lab1-AR-CE1 ce1 ma1
}

scene_unjustified()
{
	say "Somebody uses Loopback6 of lab1-CP1-TOR2 although its Management1 works."
	lands_on lab1-CP1-TOR2 tor2 ma1 || return 1
	lands_on lab1-CP1-TOR2 tor2 lo6
}

scene_both_dead()
{
	say "The management switch is cut again, and both uplinks of lab1-CP1-TOR1: BGP withdraws its Loopback6."
	lab cut-mgmt && lab cut-tor tor1 || return 1
	pause
	say "Management1 of lab1-CP1-TOR1 does not answer ..."
	fails ssh tor1 ma1 || return 1
	say "... and the PE has no route to its Loopback6. The device is out of reach."
	fails ssh tor1 lo6
}

scene_recovered()
{
	say "Everything is mended."
	lab heal-mgmt && lab heal-tor tor1 || return 1
	pause
	say "The operator reaches lab1-CP1-TOR1 over Management1."
	lands_on lab1-CP1-TOR1 tor1 ma1
}

mark() { [ -z "${SCENE_LOG:-}" ] || echo "$(date +%s.%N) $*" >>"$SCENE_LOG"; }

# The operator tries Management1 of a device, in vain.
try_ma1()
{
	mark "try $1"
	fails ssh "$1" ma1
	local failed=$?
	mark "failed $1"
	return $failed
}

back_on_ma1() # NAME DEVICE
{
	mark "login $2"
	lands_on "$1" "$2" ma1 || return 1
	mark "back $2"
}

scene_switch_dies()
{
	local d pids=()
	say "The management switch dies, and with it both uplinks of lab1-CP1-TOR2."
	lab cut-mgmt && lab cut-tor tor2 || return 1
	pause
	say "Operators try Management1 of both CEs and both ToRs. None answers."
	for d in ce1 ce2 tor1 tor2; do
		try_ma1 $d &
		pids+=($!)
	done
	for d in "${pids[@]}"; do
		wait "$d" || return 1
	done
	say "Two are on Loopback6 of lab1-AR-CE1, one on that of lab1-AR-CE2, by IPv6."
	lands_on lab1-AR-CE1 ce1 lo6 && lands_on lab1-AR-CE1 ce1 lo6 &&
		lands_on lab1-AR-CE2 -6 ce2 lo6 || return 1
	say "Loopback6 of lab1-CP1-TOR2 does not answer either. Nobody needs lab1-CP1-TOR1 so much."
	fails ssh tor2 lo6
}

scene_switch_back()
{
	say "Everything is mended, and one after another is back on Management1."
	lab heal-mgmt && lab heal-tor tor2 || return 1
	pause
	back_on_ma1 lab1-AR-CE1 ce1 && back_on_ma1 lab1-CP1-TOR1 tor1 &&
		back_on_ma1 lab1-AR-CE2 ce2 && back_on_ma1 lab1-CP1-TOR2 tor2
}

# Plays all, or those named. Says which one failed.
play()
{
	local s
	[ $# -gt 0 ] || set -- "${scenes[@]}"
	for s in "$@"; do
		"scene_$s" || {
			echo "scene $s did not go as it should" >&2
			return 1
		}
	done
}
