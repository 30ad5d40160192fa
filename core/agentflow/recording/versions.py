"""Versions: which configurations ran, under numbers that never mean two things."""

from __future__ import annotations

import sqlite3

import msgspec

from agentflow.recording import schema
from agentflow.recording.records import VersionRecord

_decode = msgspec.msgpack.Decoder(VersionRecord).decode


def read_versions(db: sqlite3.Connection) -> dict[int, VersionRecord]:
    """The versions in a recording, those that are damaged left out. sqlite3.Error."""
    found = {}
    for number, body, crc in db.execute("SELECT number, body, crc FROM versions ORDER BY number"):
        try:
            if crc == schema.crc_of(body, number):
                found[number] = msgspec.structs.replace(_decode(body), number=number)
        except (msgspec.DecodeError, TypeError):
            continue
    return found


def shift_of(db: sqlite3.Connection, versions: list[VersionRecord]) -> int:
    """What must be added to the numbers of an engine that goes on with this recording.

    Without a journal every engine counts from 1, and its version 1 may be another one.
    """
    known = read_versions(db)
    for version in versions:
        there = known.get(version.number)
        if there is not None and not _same(there, version):
            return max(known)
    return 0


def _same(one: VersionRecord, other: VersionRecord) -> bool:
    return (one.text, one.overlay, one.overrides) == (other.text, other.overlay, other.overrides)
