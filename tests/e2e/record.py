# SPDX-License-Identifier: Apache-2.0
"""The blocks of a stored record, read and written by their specification alone: collector/record/block.h."""
import ctypes
import ctypes.util

zstd = ctypes.CDLL(ctypes.util.find_library("zstd"))
zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
zstd.ZSTD_decompress.restype = ctypes.c_size_t
zstd.ZSTD_isError.restype = ctypes.c_uint


class Row:
    """A row of the record; number is an agent's, or of a dead letter its n."""

    def __init__(self, place, event, number, stored, agent, json, digest, hash_):
        self.place, self.event, self.number, self.stored = place, event, number, stored
        self.agent, self.json, self.digest, self.hash = agent, json, digest, hash_


def unpacked(body):
    if body[:1] == b"r":
        return body[1:]
    assert body[:1] == b"z", body[:1]
    frame = body[1:]
    size = zstd.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(len(frame)))
    out = ctypes.create_string_buffer(size or 1)
    n = zstd.ZSTD_decompress(out, ctypes.c_size_t(size), frame, ctypes.c_size_t(len(frame)))
    assert not zstd.ZSTD_isError(ctypes.c_size_t(n)) and n == size
    return out.raw[:size]


def number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def text(data, at):
    length, at = number(data, at)
    return data[at:at + length], at + length


def rows_of(first, count, links, body):
    data, at = unpacked(body), 0
    for i in range(count):
        event = data[at:at + 1] == b"e"
        n, at = number(data, at + 1)
        stored, at = number(data, at)
        agent = json = None
        if event:
            agent, at = text(data, at)
            json, at = text(data, at)
        yield Row(first + i, event, n, stored, agent, json, links[64 * i:64 * i + 32],
                  links[64 * i + 32:64 * i + 64])
    assert at == len(data)


def read(db):
    """All rows, in their order; db: a connection of sqlite3."""
    return [row for block in db.execute("SELECT first, count, links, body FROM blocks"
                                        " ORDER BY first").fetchall() for row in rows_of(*block)]


def documents(db):
    """Every event's document, in the order of the record."""
    return [row.json.decode() for row in read(db) if row.event]


def leb(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def packed(row):
    out = (b"e" if row.event else b"d") + leb(row.number) + leb(row.stored)
    if row.event:
        out += leb(len(row.agent)) + row.agent + leb(len(row.json)) + row.json
    return out


def write(db, rows):
    """The record is these rows from now on, each at its place, a block for each."""
    db.execute("DELETE FROM blocks")
    for row in rows:
        db.execute("INSERT INTO blocks (first, count, events, stored, derived, links, body)"
                   " VALUES (?, 1, ?, ?, 1, ?, ?)",
                   (row.place, int(row.event), row.stored, row.digest + row.hash,
                    b"r" + packed(row)))
