"""Dead letters go into a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .looking import SMALL, console, reads, until, visit
from .samples import dead_detail, sample_link


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_x_writes_the_letters_of_the_list(here: Path) -> None:
    """Every letter is a line of JSON, in the order of their numbers, in a file of one's own."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "8", "✗ dead")
        link.dead_details = {row.number: dead_detail(row) for row in app.store.dead}
        await pilot.press("x")
        await reads(pilot, "Export 3 dead letters", "dead-letters.jsonl")
        await pilot.press("enter")
        await reads(pilot, "3 dead letters are in dead-letters.jsonl")
    file = here / "dead-letters.jsonl"
    letters = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [letter["number"] for letter in letters] == [1, 2, 3]
    assert all(letter["event"]["data"] for letter in letters)
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_is_there_is_not_overwritten(here: Path) -> None:
    """It is said in the form; another name does it."""
    (here / "dead-letters.jsonl").write_text("mine")
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "8", "✗ dead")
        await pilot.press("x")
        await reads(pilot, "Export")
        await pilot.press("enter")
        await reads(pilot, "is there already. Nothing was written.")
        await pilot.press("end", *["backspace"] * 5, "2")
        await pilot.press("enter")
        await until(pilot, lambda: (here / "dead-letters.2").exists())
    assert (here / "dead-letters.jsonl").read_text() == "mine"


async def test_a_folder_that_is_not_there_is_told(here: Path) -> None:
    """What the system says of the path is shown, and the form stays."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "8", "✗ dead")
        await pilot.press("x")
        await reads(pilot, "Export")
        await pilot.press("home", *"no/", "enter")
        await reads(pilot, "no/dead-letters.jsonl can't be written: No such file or directory")
