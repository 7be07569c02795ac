#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the running programs may still do. The kernel says which rights they hold; and an intruder is
# played in them: tests/tools/inject makes them call what such a one would call. All that they have
# to do goes on under these rights: reload, names, a Redis that comes and goes, the end.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs
inject=$build/tests/tools/inject
[ -x "$inject" ] || bail "no $inject: run 'make tests'"

# A namespace with a loopback is all that is needed, and a folder that is read by others too.
make_work
chmod 755 "$work"
space=gwtp$$
cleanup() { tap_clean; ip netns del "$space"; }
trap cleanup EXIT
ip netns add "$space" && ip -n "$space" link set lo up || bail "no network namespace"
cp -r "$fabric" "$work/fabric"

# up KEY OPTIONS...: an agent that watches the loopback; wrap is run before it.
wrap=()
up()
{
	local key=$1
	shift
	(exec ip netns exec "$space" "${wrap[@]}" "$agent" run -i lo --name "$key" --fabric "$work/fabric" \
		--state "$work/$key.state" "$@") 2>"$work/$key.err" &
	agent_pid[$key]=$!
	await grep -q "ready" "$work/$key.err" || {
		show "$work/$key.err"
		bail "the agent did not start"
	}
}

# field PID NAME...: lines of /proc/PID/status, values alone
field()
{
	local pid=$1
	shift
	for name in "$@"; do
		sed -n "s/^$name:[[:space:]]*//p" "/proc/$pid/status"
	done | tr -s ' \t\n' ' ' | sed 's/ $//'
}
none=0000000000000000
cap_bpf=0000008000000000

# does PID CALL ARGUMENT...: what the call returns when that process makes it
does() { timeout 60 "$inject" "$@" 2>>"$work/inject.err"; }
here=-100                            # AT_FDCWD
create=$((0101)) write=1 truncate=$((01001)) # O_CREAT | O_WRONLY, O_WRONLY, O_TRUNC | O_WRONLY
refuses() # TEXT WANTED PID CALL...
{
	local text=$1 wanted=$2
	shift 2
	is "$(does "$@")" "$wanted" "$text" || show "$work/inject.err"
}

#
# The agent with kernel programs, started by root
#
up a --output "$work/a.json"
pid=${agent_pid[a]}
is "$(field "$pid" CapEff CapPrm)" "$cap_bpf $cap_bpf" "bpf: CAP_BPF is all that is in effect or could be"
is "$(field "$pid" CapInh CapAmb CapBnd)" "$none $none $none" "nothing is inherited; the bounding set is empty"
is "$(field "$pid" NoNewPrivs Seccomp)" "1 2" "no new privileges; a filter of system calls"
if command -v getpcaps >/dev/null; then
	is "$(getpcaps "$pid" 2>&1 | sed 's/.*: //')" "cap_bpf=ep" "getpcaps agrees"
fi
said=$("$agent" status --state "$work/a.state" | grep '^rights')
wanted='^rights +uid 0, cap_bpf; files: landlock [1-9]\d*; system calls: seccomp, 0 refused$'
ok "status says so" grep -qP "$wanted" <<<"$said" || diag "$said"

if ! does "$pid" getpid >/dev/null; then
	ok "the intruder's calls # SKIP not known how on $(uname -m)" true
else
	is "$(does "$pid" getpid)" "$pid" "the intruder's calls are the agent's own"
	# files
	: >"$work/there"
	chmod 666 "$work/there"
	for path in "$work/evil" "$work/fabric/evil.cfg" /etc/gwt-evil /tmp/gwt-evil /var/lib/gwt-evil /root/gwt-evil \
		/run/gwt-evil /dev/shm/gwt-evil "$work/a.state/../evil"; do
		refuses "it cannot create ${path/$work/...}" -EACCES "$pid" openat $here "$path" $create 0600
		ok "nor is it there" test ! -e "$path"
	done
	refuses "it cannot write to a file that all may write" -EACCES "$pid" openat $here "$work/there" $write
	refuses "nor cut it" -EACCES "$pid" openat $here "$work/there" $truncate
	refuses "nor by its name" -EPERM "$pid" truncate "$work/there" 0
	refuses "it cannot write to /etc/passwd" -EACCES "$pid" openat $here /etc/passwd $write
	refuses "nor to a switch of the kernel" -EACCES "$pid" openat $here /proc/sys/kernel/core_pattern $write
	refuses "nor to the events that it writes, by another way" -EACCES "$pid" openat $here "$work/a.json" $write
	refuses "it cannot make a folder" -EPERM "$pid" mkdir "$work/evil" 0700
	refuses "nor a link" -EPERM "$pid" symlink /etc/passwd "$work/a.state/link"
	refuses "it cannot remove what is not its own" -EACCES "$pid" unlink "$work/there"
	ln -s "$work/evil" "$work/a.state/out"
	refuses "a link in its state directory leads nowhere" -EACCES "$pid" openat $here "$work/a.state/out" $create 0600
	rm "$work/a.state/out"
	refuses "it cannot read what it has no business with" -EACCES "$pid" openat $here "$root/Makefile" 0
	refuses "nor the folder of root" -EACCES "$pid" openat $here /root 0
	fd=$(does "$pid" openat $here "$work/a.state/own" $create 0600)
	ok "in its state directory it may create a file" test "${fd:-x}" -ge 0 || diag "openat: $fd"
	refuses "and close it" 0 "$pid" close "$fd"
	refuses "but not move it out" -EACCES "$pid" rename "$work/a.state/own" "$work/evil"
	refuses "it may remove it" 0 "$pid" unlink "$work/a.state/own"
	fd=$(does "$pid" openat $here "$work/fabric/lab1-AR-CE1.cfg" 0)
	ok "it may read the fabric" test "${fd:-x}" -ge 0 || diag "openat: $fd"
	does "$pid" close "$fd" >/dev/null

	# calls
	refuses "it cannot capture packets anew" -EPERM "$pid" socket 17 3 0  # AF_PACKET
	refuses "nor send what it likes" -EPERM "$pid" socket 2 3 255 # AF_INET, SOCK_RAW
	refuses "nor load kernel programs" -EPERM "$pid" bpf 5 0 0    # BPF_PROG_LOAD
	refuses "nor fetch others' maps" -EPERM "$pid" bpf 14 0 0     # BPF_MAP_GET_FD_BY_ID
	refuses "nor run code that it wrote" -EPERM "$pid" mmap 0 4096 7 0x22 -1 0
	refuses "nor signal others" -EPERM "$pid" kill $$ 9
	refuses "nor start threads" -EPERM "$pid" clone 0x10100 0
	refuses "nor processes" -ENOSYS "$pid" clone3 0 0
	refuses "nor become another user" -EPERM "$pid" setuid 0
	refuses "nor undo any of it" -EPERM "$pid" prctl 38 0 0 0 0
	ok "it goes on" kill -0 "$pid"
	for name in socket bpf mmap kill setuid prctl; do
		is "$(grep -c "system call $name (.* refused" "$work/a.err")" 1 "$name is named in the log, once"
	done
	said=$("$agent" status --state "$work/a.state" --format json)
	ok "status counts them" "$python" -c \
		'import json, sys; sys.exit(json.load(sys.stdin)["rights"]["refused_calls"] < 9)' <<<"$said" || diag "$said"
	kill "$pid"
	ok "and ends well" wait "$pid"

	for call in "execve /bin/true 0 0" "ptrace 16 $$ 0 0" "mount /x /x 0 0 0" "unshare 0x10000000"; do
		key=${call%% *} # a log of its own, so that "ready" is this one's word
		up "$key" --output "$work/$key.json"
		# shellcheck disable=SC2086 # words
		refuses "$key kills it" killed "${agent_pid[$key]}" $call
		wait "${agent_pid[$key]}" 2>>"$work/$key.err"
		is $? 159 "as a bad system call (SIGSYS) does"
	done
fi

#
# With libpcap: no capability is left; as another user: from the start
#
up p --output "$work/p.json" --capture pcap
pid=${agent_pid[p]}
is "$(field "$pid" CapEff CapPrm CapBnd CapAmb)" "$none $none $none $none" "pcap: no capability at all"
said=$("$agent" status --state "$work/p.state" | grep '^rights')
ok "status says so" grep -q 'no capabilities' <<<"$said" || diag "$said"
ok "it ends well" stop_agent p || show "$work/p.err"

mkdir "$work/u" && chown nobody "$work/u"
for capture in bpf pcap; do
	up "u$capture" --output "$work/u/$capture.json" --capture $capture --user nobody
	pid=${agent_pid[u$capture]}
	is "$(field "$pid" Uid Gid)" "$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody) $(
		id -g nobody) $(id -g nobody) $(id -g nobody) $(id -g nobody)" "--user nobody, $capture: it is"
	wanted=$none
	[ $capture = pcap ] || wanted=$cap_bpf
	is "$(field "$pid" CapEff CapPrm CapBnd)" "$wanted $wanted $none" "its capabilities"
	is "$(stat -c '%U %a' "$work/u$capture.state" "$work/u$capture.state/outbox.db" \
		"$work/u$capture.state/agent.sock" "$work/u/$capture.json" | tr '\n' ' ')" \
		"nobody 750 nobody 600 nobody 700 nobody 640 " "its files are its own, and closed to others"
	kill -HUP "$pid"
	ok "it reads the fabric again" await grep -q "nothing that matters has changed" "$work/u$capture.err"
	ok "it ends well" stop_agent "u$capture" || show "$work/u$capture.err"
	ok "its socket is gone" test ! -e "$work/u$capture.state/agent.sock"
done
said=$("$agent" run -i lo --fabric "$fabric" --output "$work/x" --user gwt-nobody 2>&1)
is $? 2 "a user that is not there"
ok "is named" grep -q 'there is no user gwt-nobody' <<<"$said" || diag "$said"

#
# Everything that it has to do, under these rights: a name server says where Redis is
#
cat >"$work/dns.py" <<'EOF'
"""Answers every question for an IPv4 address with what a file says."""
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
open(sys.argv[2], "w").close()
while True:
    ask, peer = s.recvfrom(4096)
    end = ask.index(b"\0", 12) + 5
    answer = b""
    if ask[end - 4:end - 2] == b"\0\x01":
        address = socket.inet_aton(open(sys.argv[1]).read().strip())
        answer = struct.pack(">HHHLH", 0xc00c, 1, 1, 1, 4) + address
    s.sendto(ask[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if answer else 0, 0, 0) + ask[12:end] + answer, peer)
EOF
redis_at() # ADDRESS PASSWORD
{
	ip netns exec "$space" redis-server --port 6399 --bind "$1" --save '' --appendonly no --requirepass "$2" \
		--dir "$work" --logfile "$work/redis.log" >/dev/null &
	redis=$!
}
if ! command -v redis-server >/dev/null; then
	ok "a Redis that comes and goes # SKIP no redis-server here" true
else
	echo 127.0.0.2 >"$work/address"
	ip netns exec "$space" "$python" "$work/dns.py" "$work/address" "$work/dns.up" &
	ok "a name server" await test -e "$work/dns.up"
	echo 'nameserver 127.0.0.1' >"$work/resolv.conf"
	# a file of its own in place of the machine's, in its mounts alone
	wrap=(sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$work/resolv.conf")
	echo sesame-1 >"$work/password"
	chmod 600 "$work/password"
	up r --redis redis://redis.example:6399 --redis-password-file "$work/password" --stats 1s
	wrap=()
	acknowledged()
	{
		"$agent" status --state "$work/r.state" --format json | "$python" -c '
import json, sys
d = json.load(sys.stdin)["stats"]["delivery"]
sys.exit(not (d["acknowledged"] > int(sys.argv[1]) and d["waiting"] < 3))' "$1"
	}
	redis_at 127.0.0.2 sesame-1
	ok "Redis comes late: every event arrives" await acknowledged 5 || show "$work/r.err"
	kill -9 $redis
	wait $redis 2>/dev/null
	echo 127.0.0.3 >"$work/address"
	redis_at 127.0.0.3 sesame-2
	echo sesame-2 >"$work/password.new"
	chmod 640 "$work/password.new" && chgrp "$(id -g nobody)" "$work/password.new"
	mv "$work/password.new" "$work/password"
	ok "it moves to another address, with another password: so does the agent" await acknowledged 10 || show "$work/r.err"
	sed 's/^   seq 5 deny 198.18.66.0.24/   seq 1 deny 198.18.0.0\/15/' "$fabric/lab1-AR-CE1.cfg" \
		>"$work/fabric/lab1-AR-CE1.cfg"
	ok "the fabric changes: tables are made anew" await grep -q "fabric reloaded" "$work/r.err" ||
		show "$work/r.err"
	cp -r "$work/fabric" "$work/fabric.new"
	mv "$work/fabric" "$work/fabric.old" && mv "$work/fabric.new" "$work/fabric"
	cp "$fabric/lab1-AR-CE1.cfg" "$work/fabric/lab1-AR-CE1.cfg"
	kill -HUP "${agent_pid[r]}"
	reloads() { [ "$(grep -c "fabric reloaded" "$work/r.err")" -ge 2 ]; }
	ok "the whole folder is replaced by another" await reloads || show "$work/r.err"
	ok "no password in its log" eval '! grep -q sesame "$work/r.err"'
	ok "nor in the process list" eval '! tr "\0" " " <"/proc/${agent_pid[r]}/cmdline" | grep sesame'
	ok "nor in status" eval '! "$agent" status --state "$work/r.state" --format json | grep sesame'

	# the collector
	(exec ip netns exec "$space" "$collector" run --redis redis://127.0.0.3:6399 \
		--redis-password-file "$work/password" --db "$work/c/store.db" --user nobody) 2>"$work/c.err" &
	c=$!
	ok "collector: its folder is made" await grep -q "storing in" "$work/c.err" || show "$work/c.err"
	is "$(field $c CapEff CapPrm CapBnd CapAmb)" "$none $none $none $none" "it has no capability"
	is "$(field $c NoNewPrivs Seccomp)" "1 2" "no new privileges; a filter of system calls"
	is "$(field $c Uid | cut -d ' ' -f 2)" "$(id -u nobody)" "it is nobody"
	arrived() { "$collector" events --db "$work/c/store.db" --format json | grep -q agent.stats; }
	ok "it stores what the agent saw" await arrived || show "$work/c.err"
	is "$(find "$work/c" -perm /027)" "" "its files are closed to others"
	if does $c getpid >/dev/null; then
		refuses "it cannot create a file elsewhere" -EACCES $c openat $here /tmp/gwt-evil $create 0600
		refuses "nor ask the kernel for programs" -EPERM $c bpf 0 0 0
		refuses "execve kills it" killed $c execve /bin/true 0 0
		wait $c 2>/dev/null
	else
		kill $c
		wait $c
	fi
	ok "the agent ends well, and never wanted more" stop_agent r || show "$work/r.err"
	kill $redis
	wait $redis
fi

#
# Switched off
#
up o --output "$work/o.json" --sandbox off
is "$(field "${agent_pid[o]}" CapEff NoNewPrivs Seccomp)" "$cap_bpf 1 0" \
	"--sandbox off: capabilities go all the same, files and calls are not limited"
said=$("$agent" status --state "$work/o.state" | grep '^rights')
ok "status says so" grep -q 'files: not limited; system calls: not limited' <<<"$said" || diag "$said"
ok "it ends well" stop_agent o
done_testing
