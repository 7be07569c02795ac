#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What can be said about style without taste: every file names its licence, no
# line is wider than 100 columns (tabs are 8), no blanks at the end of a line, no
# unfinished work left in the tree; and clang-format has nothing to change.
set -u
cd "$(dirname "$0")/.." || exit 2
bad=0
complain() {
	echo "$1" >&2
	bad=1
}

# shellcheck disable=SC2207 # no blanks in our file names
files=($(git ls-files --cached --others --exclude-standard | grep -E \
	'\.(c|h|sh|py|t|sql)$|^Makefile$|^\.ci/' | while read -r f; do [ -f "$f" ] && echo "$f"; done))
c_files=()

for f in "${files[@]}"; do
	licence='Apache-2.0'
	case $f in
	bpf/* | common/bytes.h) licence='GPL-2.0-only OR BSD-2-Clause' ;;
	esac
	head -n 3 "$f" | grep -q "SPDX-License-Identifier: $licence" ||
		complain "$f:1: no line 'SPDX-License-Identifier: $licence'"
	case $f in *.c | *.h) c_files+=("$f") ;; esac
done

words='TODO|FIXME|XXX|HACK'
while read -r hit; do
	complain "$hit: unfinished work; finish it or write an issue"
done < <(grep -nEH "\b($words)\b" "${files[@]}" | grep -v '^tests/style.sh:' | cut -d: -f1,2)
while read -r hit; do
	complain "$hit: blanks at the end of the line"
done < <(grep -nHE '[[:blank:]]$' "${files[@]}" | cut -d: -f1,2)

# UTF-8 counts characters, not bytes.
while read -r hit; do
	complain "$hit: wider than 100 columns"
done < <(for f in "${c_files[@]}"; do
	expand "$f" | LC_ALL=C.UTF-8 awk -v f="$f" 'length($0) > 100 { print f ":" FNR }'
done)

[ $bad -eq 0 ] && echo "  ok      ${#files[@]} files: licences, width, blanks, nothing unfinished"
exit $bad
