#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The pages say what the programs do: every command and option that --help lists is
# in the man page and in docs/configuration.md, every default is the one written
# there, and the example configurations load.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
n=0
ok() { # ok STATUS NAME [DIAGNOSTIC]
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		[ -z "${3:-}" ] || sed 's/^/# /' <<<"$3"
	fi
}

# Words of a list that are not in a text.
missing_from() { # missing_from TEXT WORD...
	local text=$1 word out=''
	shift
	for word in "$@"; do
		grep -qF -- "$word" <<<"$text" || out+="$word "
	done
	echo "$out"
}

for p in agent collector; do
	program=$build/glasswatch-$p
	man=$(sed 's/\\-/-/g; s/\\f[BRI]//g' docs/man/glasswatch-$p.1)
	page=$(sed -n "/^## glasswatch-$p/,/^## /{p}" docs/configuration.md | sed '1!{/^## /d}')
	commands=$("$program" --help | sed -n '/^commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p')
	lost=$(missing_from "$man" $commands)
	ok "$([ -n "$commands" ] && [ -z "$lost" ]; echo $?)" "glasswatch-$p(1) names every command" "$lost"

	synopsis=$(sed -n '/^\.SH SYNOPSIS/,/^\.SH DESCRIPTION/p' <<<"$man")
	lost=$(missing_from "$synopsis" $commands)
	ok "$([ -z "$lost" ]; echo $?)" "its synopsis, too" "$lost"
	said=$(for c in $commands; do
		"$program" "$c" --help | tr -s ' \n' ' ' | grep -oE '(may be repeated.{0,60}){2}' | sed "s/^/$c: /"
	done)
	ok "$([ -z "$said" ]; echo $?)" "--help says once that an option may be repeated" "$said"

	options=$(for c in $commands; do "$program" "$c" --help; done |
		grep -oE '^ {2}(-.,|   ) --[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u)
	lost=$(missing_from "$man" $options)
	ok "$([ -n "$options" ] && [ -z "$lost" ]; echo $?)" "glasswatch-$p(1) names every option" "$lost"

	example=docs/examples/$p.yaml
	said=$("$program" run -n -c $example 2>&1)
	ok $? "$example loads" "$said"
	again=$("$program" run -n -c - <<<"$said" 2>&1)
	ok "$([ "$said" = "$again" ]; echo $?)" "what -n prints loads and prints the same" "$again"

	# keys as the file has them, "group.key default"
	case $p in
	agent) given=(--fabric x -i x -o x) ;;
	*) given=() ;;
	esac
	lost='' seen=0
	while read -r key value; do
		seen=$((seen + 1))
		row=$(grep -F "| \`$key\`" <<<"$page")
		if [ -z "$row" ]; then
			lost+="$key is not in docs/configuration.md"$'\n'
		elif [ -n "$value" ] && ! grep -qF "| \`$value\` |" <<<"$row"; then
			lost+="$key: default $value, but the page says: $row"$'\n'
		fi
	done < <("$program" run -n "${given[@]}" | awk -v given=" ${given[*]} " '
		/^[a-z-]+:$/ { group = $1; sub(":", ".", group); next }
		{ key = $1; value = $2 }
		key == "#" { key = $2; value = "" }
		/^[^ ]/ { group = "" }
		{ sub(":", "", key); gsub(/["\[\]]/, "", value); if (value == "x") value = ""
		  print group key, value }')
	ok "$([ "$seen" -gt 5 ] && [ -z "$lost" ]; echo $?)" "docs/configuration.md has every key of glasswatch-$p with its default" "$lost"
done

# Every name and word that the schema knows is on the page about events.
lost=$(/usr/bin/python3 - <<'EOF'
import json
import re

page = open("docs/events.md", encoding="utf-8").read()
known = set()


def walk(node):
    if isinstance(node, dict):
        known.update(node.get("properties", {}))
        known.update(w for w in node.get("enum", []) if isinstance(w, str))
        for value in node.values():
            walk(value)
    elif isinstance(node, list):
        for value in node:
            walk(value)


walk(json.load(open("common/event.schema.json", encoding="utf-8")))
for word in sorted(known):
    if not re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(word), page):
        print(word)
EOF
)
ok "$([ -z "$lost" ]; echo $?)" "docs/events.md has every name and word of the schema" "$lost"

for page in docs/man/*.1; do
	if command -v man >/dev/null; then
		said=$(man --warnings -l -E UTF-8 -Z "$page" 2>&1 >/dev/null)
		ok "$([ -z "$said" ]; echo $?)" "$page is clean" "$said"
	else
		ok 0 "$page is clean # SKIP no man(1) here"
	fi
done

# Relative links of the pages lead somewhere.
lost=''
for page in README.md docs/*.md; do
	while read -r link; do
		[ -e "$(dirname "$page")/${link%%#*}" ] || lost+="$page: $link"$'\n'
	done < <(grep -oE '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//' | grep -v '^https\?:')
done
ok "$([ -z "$lost" ]; echo $?)" "links of the pages lead somewhere" "$lost"
echo "1..$n"
