#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SECONDS TARGET...: each fuzz target so long, beginning from its seeds and from what earlier
# runs have found. BUILD: where they are built and what they find goes. A line each; at a finding, the
# input's file and how to run it again.
set -u
build=${BUILD:-build}/fuzz
source=$(dirname "$0")
seconds=$1
shift

number() { # of libFuzzer's final statistics
	sed -n "s/^stat::$1: *//p" "$log"
}

for t; do
	log=$build/$t.log
	found=$build/$t-
	args=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
		-artifact_prefix="$found")
	[ -f "$source/$t.dict" ] && args+=(-dict="$source/$t.dict")
	mkdir -p "$build/corpus/$t"
	folders=("$build/corpus/$t")
	[ -d "$source/corpus/$t" ] && folders+=("$source/corpus/$t")
	printf '  FUZZ    %-8s ' "$t"
	if ! "$build/fuzz_$t" "${args[@]}" "${folders[@]}" >"$log" 2>&1; then
		printf 'FINDING after %s executions\n\n' "$(number number_of_executed_units)"
		tail -n 60 "$log"
		file=$(sed -n "s|.*Test unit written to \($found[^ ]*\).*|\1|p" "$log" | tail -n 1)
		printf '\nfuzz_%s found a fault. The whole output: %s\n' "$t" "$log"
		[ -n "$file" ] && printf 'The input: %s\nAgain:     %s %s\n' "$file" "$build/fuzz_$t" "$file"
		exit 1
	fi
	last=$(grep -E '^#[0-9]+[[:blank:]]+DONE' "$log" | tail -n 1)
	printf '%s s  %s executions  %s/s  %s  no finding\n' "$seconds" \
		"$(number number_of_executed_units)" "$(number average_exec_per_sec)" \
		"$(sed -nE 's/.*(cov: [0-9]+ ft: [0-9]+ corp: [0-9]+).*/\1/p' <<<"$last")"
done
