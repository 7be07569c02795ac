#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cppcheck's warnings on the programs. What is switched off, and why:
#   missingInclude*          system headers are not read; the compilers do that
#   unknownMacro             cmocka's and libbpf's macros
#   normalCheckLevel*        says only that it looked less deep
#   checkersReport           a report, no finding
set -u
cd "$(dirname "$0")/.." || exit 2
dirs=()
for d in agent collector common; do
	[ -n "$(find $d -name '*.c' -print -quit)" ] && dirs+=("$d")
done
gen=${GEN:-build/gen}
# What it found in a file is kept until the file or one that it includes changes.
kept=$(dirname "$gen")/cppcheck
mkdir -p "$kept"
cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr --std=c11 \
	-j "$(nproc)" --cppcheck-build-dir="$kept" -I . -I "$gen" --suppress="*:$gen/*" -D__x86_64__ -DGLASSWATCH_VERSION='""' -DGLASSWATCH_PREFIX='""' -DHAVE_BPF=1 \
	--suppress=missingInclude --suppress=missingIncludeSystem --suppress=unknownMacro \
	--suppress=checkersReport --template='{file}:{line}: {severity}: {message} [{id}]' \
	"${dirs[@]}" || exit 1
echo "  ok      cppcheck: ${dirs[*]}"
