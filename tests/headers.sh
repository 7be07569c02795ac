#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone, and twice in one file.
set -u
cd "$(dirname "$0")/.." || exit 2
bad=0 n=0
while read -r h; do
	n=$((n + 1))
	# shellcheck disable=SC2086 # CPPFLAGS are several words
	if ! printf '#include "%s"\n#include "%s"\n' "$h" "$h" |
		${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter \
			-fsyntax-only -x c ${CPPFLAGS:--I.} -; then
		echo "$h: does not compile alone and twice" >&2
		bad=1
	fi
done < <(find agent bpf collector common tests -name '*.h' | sort)
[ $bad -eq 0 ] && echo "  ok      $n headers compile alone and twice"
exit $bad
