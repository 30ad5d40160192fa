"""Pages: rows are read from a file without SQLite exactly as SQLite reads them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentflow.journal import files, schema
from agentflow.journal.pages import Pages

values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.binary(max_size=30)
    | st.integers(0, 20_000).map(lambda size: b"\x0d" * size)
    | st.integers(0, 9_000).map(lambda size: "é" * size)
)
rows = st.lists(st.tuples(values, values, values), max_size=80)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=rows, gone=st.sets(st.integers(0, 80)), changed=st.sets(st.integers(0, 80)))
def test_rows_are_those_that_sqlite_sees(
    tmp_path: Path, rows: list[tuple[Any, ...]], gone: set[int], changed: set[int]
) -> None:
    """Of tables and of indices, from the file and from the log: every one, as it is."""
    path = tmp_path / "some.db"
    files.remove(path)
    with closing(schema.connect(path)) as db:
        db.execute("CREATE TABLE numbered(number INTEGER PRIMARY KEY, a, b, c)")
        db.execute("CREATE TABLE named(name PRIMARY KEY, a, b, c, d) WITHOUT ROWID")
        for number, row in enumerate(rows, 1):
            db.execute("INSERT INTO numbered VALUES (?, ?, ?, ?)", (number, *row))
            db.execute("INSERT INTO named VALUES (?, ?, ?, ?, 0)", (f"n{number}", *row))
            if number == 40:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in gone:
            db.execute("DELETE FROM numbered WHERE number = ?", (number,))
            db.execute("DELETE FROM named WHERE name = ?", (f"n{number}",))
        for number in changed:
            db.execute("UPDATE numbered SET c = 7 WHERE number = ?", (number,))
        numbered = {row[0]: row[1:] for row in db.execute("SELECT * FROM numbered")}
        named = {row[0]: row[1:] for row in db.execute("SELECT * FROM named")}
        pages = Pages(path)
        found: dict[Any, Any] = {}
        for versions in pages:
            seen = pages.read(versions[0])
            assert seen.whole
            for number, values in seen.rows:
                if number and len(values) == 4:
                    assert values[0] is None
                    found[number] = tuple(values[1:])
                elif not number and len(values) == 5:
                    found[values[0]] = tuple(values[1:])
    assert found.items() >= (numbered | named).items()


def test_what_is_no_database_has_no_rows(tmp_path: Path) -> None:
    """Nothing, an empty file, and noise."""
    import random

    path = tmp_path / "noise"
    assert list(Pages(path)) == []
    path.touch()
    assert list(Pages(path)) == []
    noise = random.Random(1)
    path.write_bytes(noise.randbytes(4096 * 50))
    path.with_name("noise-wal").write_bytes(noise.randbytes(4096 * 20))
    pages = Pages(path)
    for versions in pages:
        for page in versions:
            pages.read(page)


def test_a_chain_that_goes_round_has_an_end(tmp_path: Path) -> None:
    """A row that says it is as long as can be, on a page that goes on where it began, is none."""
    cell = b"\xff" * 8 + b"\x7f" + b"\x01" + bytes(900) + (2).to_bytes(4, "big")
    long = b"\x83\xff\x7f" + b"\x01" + bytes(4_000)
    page = bytearray(4096)
    page[0:8] = b"\x0d\0\0\0\x02\0\0\0"
    page[8:12] = (100).to_bytes(2, "big") + (3_000).to_bytes(2, "big")
    page[100 : 100 + len(cell)] = cell
    page[3_000 : 3_000 + 1_000] = (long + (2).to_bytes(4, "big") * 300)[:1_000]
    path = tmp_path / "round.db"
    path.write_bytes(bytes(4096) + (2).to_bytes(4, "big") + bytes(4092) + bytes(page))
    pages = Pages(path)
    found = pages.read(bytes(page))
    assert not found.whole
    assert not any(values for _, values in found.rows[:2])
