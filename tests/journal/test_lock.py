"""The lock: a journal has one owner, and who that is can be asked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentflow import JournalInUse
from agentflow.journal import Journal
from agentflow.journal.reading import owner

from .support import NOW, reopen

HOLDER = """
import sys
from agentflow.journal import Journal
journal = Journal(sys.argv[1])
journal.open(1e9)
journal.announce("/run/some.sock")
print("open", flush=True)
sys.stdin.read(1)
if sys.argv[2] == "close":
    journal.close()
"""


@contextmanager
def held(path: Path, end: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the journal open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, end],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_second_process_is_told_the_owner(tmp_path: Path, end: str) -> None:
    """The error names the other process; when that is gone, however, the journal is free."""
    path = tmp_path / "journal.db"
    with held(path, end) as process:
        with pytest.raises(JournalInUse, match=f"process {process.pid} is using it") as error:
            Journal(path).open(NOW)
        assert error.value.pid == process.pid
        has = owner(path)
        assert has is not None
        assert (has.pid, has.socket) == (process.pid, "/run/some.sock")
        assert has.started > 1e9
        if end == "close":
            assert process.stdin is not None
            process.stdin.write("x")
            process.stdin.close()
        else:
            process.kill()
        process.wait(30)
    assert owner(path) is None
    reopen(path)


def test_the_same_process_cannot_open_it_twice(tmp_path: Path) -> None:
    """Not even the owner gets it a second time; the first one goes on."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    journal.open(NOW)
    with pytest.raises(JournalInUse) as error:
        Journal(path).open(NOW)
    assert error.value.pid == os.getpid()
    journal.close()
    reopen(path)


def test_who_only_asks_keeps_nobody_out(tmp_path: Path) -> None:
    """A start succeeds while others ask again and again whose the journal is."""
    path = tmp_path / "journal.db"
    reopen(path)
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            owner(path)

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for _ in range(20):
            reopen(path)
    finally:
        stop.set()
        asker.join()


def test_nobody_owns_what_is_not_there(tmp_path: Path) -> None:
    """No file, no owner."""
    assert owner(tmp_path / "none.db") is None
