#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The units that `make install` puts in place: they are well-formed, start what is installed, and
# leave each service an exposure below 2.5 of 10, as systemd-analyze counts. And a start as systemd
# does it: a user of its own, ambient capabilities, no new privileges.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_programs
make_work
cd "$root" || bail "no $root"

make -s install BUILD="$build" DESTDIR="$work/root" PREFIX=/usr >"$work/install.err" 2>&1 ||
	{ show "$work/install.err"; bail "make install failed"; }
units=$work/root/usr/lib/systemd/system
is "$(cd "$work/root/usr" && find lib -type f | sort | tr '\n' ' ')" "lib/systemd/system/glasswatch-agent.service \
lib/systemd/system/glasswatch-collector.service lib/systemd/system/run-glasswatch-bpf.mount \
lib/sysusers.d/glasswatch.conf " "the units and their users are installed"
is "$(find "$work/root/usr/lib" -type f ! -perm 644)" "" "readable by all, writable by root"

for p in agent collector; do
	unit=$units/glasswatch-$p.service
	program=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$unit")
	is "$program" "/usr/bin/glasswatch-$p" "glasswatch-$p.service starts the program"
	ok "which is installed" test -x "$work/root$program"
	user=$(sed -n 's/^User=//p' "$unit")
	ok "its user is in sysusers.d" grep -q "^u $user " "$work/root/usr/lib/sysusers.d/glasswatch.conf"
	if ! command -v systemd-analyze >/dev/null; then
		ok "systemd knows every line # SKIP no systemd-analyze here" true
		ok "exposure below 2.5 # SKIP no systemd-analyze here" true
		continue
	fi
	# a copy that starts the program where this test has installed it
	mkdir -p "$work/verify" && cp "$units/run-glasswatch-bpf.mount" "$work/verify"
	sed "s,^ExecStart=,&$work/root," "$unit" >"$work/verify/glasswatch-$p.service"
	said=$(systemd-analyze verify --man=no "$work/verify/glasswatch-$p.service" 2>&1 |
		grep "glasswatch-$p.service")
	is "$said" "" "systemd knows every line"
	said=$(systemd-analyze security --offline=true --no-pager "$unit" 2>&1)
	score=$(sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p' <<<"$said")
	ok "exposure ${score:-unknown} is below 2.5" awk -v s="${score:-10}" 'BEGIN { exit !(s < 2.5) }' ||
		diag "$said"
done

# The collector without any capability and without new privileges: it listens, answers, and would
# reach a receiver of alerts.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && command -v curl >/dev/null; then
	chmod 755 "$work"
	install -d -o nobody -m 750 "$work/collector"
	port=$((20000 + $$ % 20000))
	(exec setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs --bounding-set -all \
		--inh-caps -all "$work/root/usr/bin/glasswatch-collector" run \
		--db "$work/collector/collector.db" --redis redis://127.0.0.1:1 \
		--listen 127.0.0.1:$port) 2>"$work/collector.err" &
	pid=$!
	asked()
	{
		curl -sf "http://127.0.0.1:$port/metrics" >"$work/page"
	}
	ok "the collector answers /metrics with no capability at all" await asked || show "$work/collector.err"
	ok "it reads its store" grep -q '^glasswatch_store_readable 1$' "$work/page" || show "$work/page"
	kill $pid
	ok "and ends well" wait $pid
	ok "it wanted no more" eval "! grep 'not in this program' $work/collector.err"
else
	ok "the collector answers with no capability # SKIP needs root, setpriv and curl" true
fi

# As systemd starts it, by hand: the same rights, the agent's own and no others.
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
	ok "a start with ambient capabilities # SKIP needs root and setpriv" true
	done_testing
fi
space=gwtu$$
cleanup() { umount "$work/bpf"; tap_clean; ip netns del "$space"; }
trap cleanup EXIT
ip netns add "$space" && ip -n "$space" link set lo up || bail "no network namespace"
chmod 755 "$work"
install -d -o nobody -m 750 "$work/state"
mkdir "$work/bpf" && mount -t bpf -o mode=0700 bpf "$work/bpf" && chown nobody "$work/bpf" || bail "no bpffs"
caps=$(sed -n 's/^AmbientCapabilities=//p' "$units/glasswatch-agent.service" | sed 's/CAP_/+/g; s/ /,/g' | tr A-Z a-z)
for capture in bpf pcap; do
	(exec ip netns exec "$space" setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs \
		--bounding-set "-all,$caps" --inh-caps "-all,$caps" --ambient-caps "-all,$caps" \
		"$work/root/usr/bin/glasswatch-agent" run -i lo --fabric "$fabric" --capture $capture \
		--redis unix:///nowhere --state "$work/state" --pin "$work/bpf") 2>"$work/$capture.err" &
	pid=$!
	ok "$capture: it starts with the unit's capabilities" await grep -q ready "$work/$capture.err" ||
		show "$work/$capture.err"
	wanted=0000008000000000
	[ $capture = bpf ] || wanted=0000000000000000
	is "$(sed -n 's/^Cap\(Eff\|Prm\|Amb\|Inh\):\s*//p' /proc/$pid/status | tr '\n' ' ')" \
		"0000000000000000 $wanted $wanted 0000000000000000 " "and gives up what it no longer needs"
	asked()
	{
		setpriv --reuid nobody --regid nogroup --clear-groups "$work/root/usr/bin/glasswatch-agent" \
			status --state "$work/state" >"$work/status" 2>&1
	}
	ok "status answers its user" asked || show "$work/status"
	kill -HUP $pid
	ok "it reads the fabric again" await grep -q "nothing that matters has changed" "$work/$capture.err"
	pinned=$(find "$work/bpf" -name 'link-*' | wc -l)
	wanted=2
	[ $capture = bpf ] || wanted=0
	is "$pinned" $wanted "$wanted links are pinned"
	kill $pid
	ok "it ends well" wait $pid
	is "$(find "$work/bpf" -mindepth 1 ! -name '*.debug')" "" "nothing stays in bpffs"
	ok "and wanted no more" eval "! grep 'not in this program' $work/$capture.err"
done
done_testing
