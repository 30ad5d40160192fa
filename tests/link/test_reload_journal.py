"""Saved code, a journal and a feed: the new engine goes on where the old one stopped."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path

from agentflow.journal.codec import decode

from .conftest import Links, Project, Seen


def accepted(path: Path) -> Counter[int]:
    """How often each event of the feed was accepted."""
    db = sqlite3.connect(path)
    bodies = db.execute("SELECT body FROM events").fetchall()
    db.close()
    return Counter(decode(body).data["n"] for (body,) in bodies)


def sockets(journal: Path) -> list[Path]:
    """The control sockets beside the journal."""
    return list(journal.parent.glob("*.sock"))


async def test_a_feed_goes_through_a_change_of_code(
    project: Project, links: Links, tmp_path: Path
) -> None:
    """No line is left out and none is taken twice, whoever had it on its way at that moment."""
    out = tmp_path / "done"
    events = tmp_path / "in.jsonl"
    events.write_text(
        "".join(
            json.dumps({"target": "second", "data": {"n": n, "path": str(out)}}) + "\n"
            for n in range(3000)
        )
    )
    link = links.make(project.options(events=str(events), pace=100.0))
    await link.start()
    engine = Seen(link)
    first = (await link.pull(engine.store.cursor)).pid
    old, new = "{event.data['n']}", "new {event.data['n']}"
    await engine.until(lambda store: store.snapshot and store.snapshot.counts.succeeded > 20)
    project.replace(project.handlers, old, new)
    await engine.until(lambda store: store.snapshot and store.snapshot.pid != first)
    assert (await link.command("pace", rate=0.0)).ok
    await engine.until(lambda store: store.snapshot and store.snapshot.counts.succeeded == 3000)
    assert engine.store.snapshot is not None
    assert engine.store.snapshot.counts.accepted == 3000
    await link.close()
    assert accepted(tmp_path / ".agentflow/agentflow.db") == Counter(range(3000))
    lines = out.read_text().splitlines()
    assert Counter(int(line.split()[-1]) for line in lines) == Counter(range(3000))
    assert lines[0] == "0"
    assert lines[-1].startswith("new ")


async def test_the_command_line_reaches_the_engine_that_took_over(
    engine: Seen, project: Project, tmp_path: Path
) -> None:
    """Its socket is the one that the journal's lock names, and the old one is gone."""
    from agentflow.journal.reading import owner

    journal = tmp_path / ".agentflow/agentflow.db"
    first = owner(journal)
    assert first is not None
    project.replace(project.handlers, "import os", "import os\nimport sys")
    await engine.until(lambda store: store.snapshot and store.snapshot.pid != first.pid)
    second = owner(journal)
    assert second is not None
    assert second.pid != first.pid
    assert [str(path) for path in sockets(journal)] == [second.socket]
