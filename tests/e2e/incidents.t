#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's management switch dies under several devices, while two agents watch. What the collector
# makes of it is what the lab's script did: one incident, with every device, in whatever order the
# agents' events come.
# shellcheck disable=SC2317
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
command -v redis-server >/dev/null || bail "redis-server is missing: run 'make deps'"
raise n

start_agent a --fabric "$fabric" --capture bpf
start_agent b --fabric "$fabric" --capture pcap --name mgmt-2
export SCENE_LOG=$work/scene.log
ok "the scenes go as they should" play untrusted_primary "${switch_scenes[@]}"
ok "every flow ends" eval 'await flows_ended a && await flows_ended b'
ok "the agents stop when they are told to" eval 'stop_agent a && stop_agent b' || {
	show "$work/a.err"
	show "$work/b.err"
}
verdicts incident_scene.py < <(BUILD=$build "$python" "$root/tests/e2e/incident_scene.py" \
	"$work" "$work/a.json" "$work/b.json" "$work/scene.log" 2>&1)
done_testing
