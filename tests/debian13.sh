#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian 13 in a folder: there hiredis has TLS. Builds glasswatch in it (without the kernel
# programs, which do not depend on hiredis) and runs what has to do with delivery: the unit tests
# of it, delivery under fire, and TLS to a real Redis. Called by `make test-debian13`.
#
# The folder, BUILD/debian13/root, is made by debootstrap once and kept; `make clean` removes it.
# All mounts are in a mount namespace of this process and end with it. A plain chroot would not do:
# the tests make mount namespaces, for which / must be a mount point.
set -euo pipefail

build=$(realpath -m "${BUILD:-build}")
home=$build/debian13
source=$(realpath "$(dirname "$0")/..")
root=$home/root

skip()
{
	echo "SKIP: Debian 13: $1"
	exit 0
}
step() { printf '\n== Debian 13: %s\n' "$1"; }

# ---- inside, with / of the host at /host-root until it is let go --------------------------------

# Runs in a mount and process namespace of its own; the rest of the arguments in the folder.
inside()
{
	mount --make-rprivate /
	mount --bind "$root" "$root"
	mkdir -p "$root"/{src,build,host-root}
	mount --rbind /dev "$root/dev"
	mount -t proc proc "$root/proc"
	mount -t sysfs sysfs "$root/sys" 2>/dev/null || true
	mount --bind "$source" "$root/src"
	mount -o remount,bind,ro "$root/src"
	mkdir -p "$home/build"
	mount --bind "$home/build" "$root/build"
	cd "$root"
	pivot_root . host-root
	umount -l /host-root
	cd /src
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
		DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 BUILD=/build "$@"
}

if [ "${1:-}" = --inside ]; then
	shift
	inside "$@"
fi

in_root() { unshare --mount --pid --fork --kill-child "$0" --inside "$@"; }

# ---- the folder ---------------------------------------------------------------------------------

# The machine's own mirror, and how it is reached.
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}

# What the build needs is said in .ci/deps; the rest is for these tests.
packages()
{
	grep -o 'z\?lib[a-z0-9.+-]*-dev' "$source/.ci/deps" | grep -v '^libclang' | sort -u
	echo gcc make pkg-config ca-certificates perl python3 openssl redis-server iproute2 \
		util-linux procps libfaketime
}

make_root()
{
	local log=$home/log

	step "making the folder $root (the log is in $log)"
	rm -rf "$root"
	mkdir -p "$home"
	debootstrap --variant=minbase --include=ca-certificates trixie "$root" "$mirror" >"$log" 2>&1
	printf 'deb %s trixie main\ndeb %s trixie-updates main\n' "$mirror" "$mirror" \
		>"$root/etc/apt/sources.list"
	# Proxies and the like.
	grep -lE '^Acquire::' /etc/apt/apt.conf.d/* 2>/dev/null |
		xargs -r cp -t "$root/etc/apt/apt.conf.d"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # start no services
	chmod 755 "$root/usr/sbin/policy-rc.d"
	# shellcheck disable=SC2046
	in_root bash -euc 'apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@"' \
		apt $(packages) >>"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		return 1
	}
	packages >"$root/.glasswatch-packages"
}

[ "$(id -u)" -eq 0 ] || skip "needs root"
command -v debootstrap >/dev/null || skip "no debootstrap here; run \`make deps\`"
unshare --mount true 2>/dev/null || skip "no mount namespaces here"
packages | cmp -s - "$root/.glasswatch-packages" || make_root

# ---- building and testing -----------------------------------------------------------------------

step "build, with $(in_root pkg-config --modversion hiredis | sed 's/^/hiredis /')"
in_root pkg-config --exists hiredis_ssl
tests=(test_secret test_redis test_outbox test_publish test_privilege)
in_root make --no-print-directory -j"$(nproc)" WITH_BPF=no BUILD=/build programs \
	"${tests[@]/#//build/tests/}"
for t in "${tests[@]}"; do
	step "$t"
	in_root "/build/tests/$t"
done
step "delivery, with $(in_root redis-server --version | cut -d ' ' -f 1-3)"
in_root prove --timer --failures --comments tests/e2e/delivery_tls.t tests/e2e/delivery_fire.t
