#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds JSON lines against common/event.schema.json.

usage: validate_events.py [-n FAILURES] [FILE...]        (default: stdin)

Prints how many documents were read, by type, and the first failures (5); exit
status 1 when there is any, or when there was no document at all.
"""
import collections
import json
import os
import socket
import sys

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, os.pardir, "common", "event.schema.json")


def address(family):
    def check(text):
        # Canonical text only; what is not a string is another rule's matter.
        return (not isinstance(text, str) or
                socket.inet_ntop(family, socket.inet_pton(family, text)) == text)
    return check


def validator():
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft7Validator.check_schema(schema)
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("ipv4", OSError)(address(socket.AF_INET))
    formats.checks("ipv6", OSError)(address(socket.AF_INET6))
    return jsonschema.Draft7Validator(schema, format_checker=formats)


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key twice in one object: %s" % keys)
    return dict(pairs)


def problems(check, line):
    """Yields what is wrong with one line."""
    try:
        doc = json.loads(line, object_pairs_hook=no_duplicates)
    except ValueError as e:
        yield "not JSON: %s" % e
        return
    for e in check.iter_errors(doc):
        yield "%s: %s" % (".".join(map(str, e.absolute_path)) or "document", e.message[:300])
    if isinstance(doc, dict) and doc.get("id") != "%s/%s" % (doc.get("agent"), doc.get("seq")):
        yield "id is not agent/seq"
    yield from ("null at %s" % where for where in nulls(doc, ""))


def nulls(value, where):
    if value is None:
        yield where or "document"
    elif isinstance(value, dict):
        for k, v in value.items():
            yield from nulls(v, "%s.%s" % (where, k))
    elif isinstance(value, list):
        for i, v in enumerate(value):
            yield from nulls(v, "%s[%d]" % (where, i))


def lines(names):
    for name in names or ["-"]:
        f = sys.stdin.buffer if name == "-" else open(name, "rb")
        for number, line in enumerate(f, 1):
            if line.strip():
                yield name, number, line


def main(args):
    limit = 5
    if args[:1] == ["-n"]:
        limit = int(args[1])
        args = args[2:]
    check = validator()
    types, bad = collections.Counter(), 0
    for name, number, line in lines(args):
        found = list(problems(check, line))
        try:
            types[json.loads(line)["type"]] += 1
        except (ValueError, KeyError, TypeError):
            types["?"] += 1
        if found:
            bad += 1
            if bad <= limit:
                print("%s:%d: %s\n\t%s" % (name, number, "; ".join(found[:3]),
                                           line.decode(errors="replace").strip()[:400]))
    print("%d documents, %d bad (%s)" % (sum(types.values()), bad,
                                         ", ".join("%s %d" % t for t in sorted(types.items()))))
    return 1 if bad or not types else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
