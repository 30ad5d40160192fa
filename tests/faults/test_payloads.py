"""Fault 23: events that are made to take over the terminal. They stay text.

Everything that the program writes to a real pty is read strictly: colours, positions and
the few switches of the screens may come by, and nothing else that commands a terminal.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from .hostile import payload
from .on_terminal import OnTerminal
from .scale import scaled
from .terminal import Hostile, StrictReader

QUICK_EVENTS = 100
LONG_EVENTS = scaled(100_000)
FIELDS = 10
"""Payloads in one event."""

LIMITS = "[runtime]\nmax_concurrent_events = 64\n[orchestration]\nretry_attempts = 0\n"
HANDLERS = """\
import logging
import pathlib


async def echo(event, state):
    return dict(event.data)


async def fails(event, state):
    raise ValueError(event.data["b"], *event.data.values())


async def logs(event, state):
    print(event.data["b"])
    logging.getLogger(event.data["c"] or "x").warning("%s", event.data["b"])


async def quiet_logs(event, state):
    logging.getLogger(event.data["c"] or "x").warning("%s", event.data["b"])


async def routes(event, state):
    state.meta["route"] = event.data["b"] or "echo"
    return state


async def last(event, state):
    pathlib.Path("last").touch()
"""


def project(folder: Path, seed: int, *, prints: bool) -> None:
    """A configuration that is as hostile as its events."""
    chance = random.Random(seed)

    def quoted(text: str) -> str:
        whole = text.encode("utf-8", "ignore").decode()  # TOML has no lone surrogates
        return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")

    text = f"[agent_flow]\nname = {quoted(payload(chance))}\n{LIMITS}"
    for name in ("echo", "fails", "logs", "routes", "last"):
        code = "quiet_logs" if name == "logs" and not prints else name
        text += (
            f'[agents.{name}]\nhandler = "handlers:{code}"\n'
            f"description = {quoted(payload(chance))}\nrole = {quoted(payload(chance))}\n"
        )
    for number in range(3):
        name = quoted(f"{number}{payload(chance)}"[:40])
        text += f'[agents.{name}]\nhandler = "handlers:echo"\n'
    (folder / "agentflow.toml").write_text(text, "utf-8")
    (folder / "handlers.py").write_text(HANDLERS)


def events(count: int, seed: int) -> Iterator[str]:
    """Lines of events with a payload in every field that takes one."""
    chance = random.Random(seed)
    for number in range(count):
        tags = (f"~{number:x}{letter}~" for letter in itertools.count())
        texts = [f"{next(tags)}{payload(chance)}" for _ in range(FIELDS)]
        target = chance.choice(["echo"] * 5 + ["fails", "logs", "routes", texts[0]])
        event = {
            "target": target,
            "source": texts[1],
            "session_id": texts[2] if chance.random() < 0.8 else "",
            "data": {
                "a": texts[3],
                "b": texts[4],
                "c": texts[5],
                texts[6]: {texts[7]: [texts[8], number]},
            },
            "metadata": {texts[9]: texts[5], "source_event": texts[3]},
        }
        if chance.random() < 0.3:
            event["id"] = texts[0]
        yield json.dumps(event, ensure_ascii=chance.random() < 0.5)
    yield '{"target": "last"}'


def write_events(folder: Path, count: int, seed: int) -> None:
    """The feed."""
    with (folder / "in.jsonl").open("w", encoding="utf-8", errors="surrogatepass") as file:
        for line in events(count, seed):
            file.write(f"{line}\n")


def show(folder: Path, count: int, seed: int, *flags: str) -> OnTerminal:
    """Run the screens on hostile events, look at all of them, and leave."""
    project(folder, seed, prints=True)
    write_events(folder, count, seed)
    terminal = OnTerminal(folder, "--events", "in.jsonl", *flags, screen=False)
    keys = itertools.cycle([key for screen in "2134567890" for key in (screen, "\r", "\x1b")])
    done = folder / "last"
    try:
        while not done.exists():
            terminal.look(next(keys))
        for _ in range(30):
            terminal.look(next(keys))
        assert terminal.leave() in (0, 1)
        assert terminal.restored()
    finally:
        terminal.close()
    return terminal


def tell(folder: Path, count: int, seed: int, form: str) -> OnTerminal:
    """Print hostile events as lines."""
    project(folder, seed, prints=False)
    write_events(folder, count, seed)
    terminal = OnTerminal(
        folder, "--headless", "--format", form, "--events", "in.jsonl", lines=True, screen=False
    )
    try:
        assert terminal.end(3_600) == 1
    finally:
        terminal.close()
    return terminal


def test_hostile_events_are_inert_on_every_screen(tmp_path: Path) -> None:
    """Whatever is in an event, the terminal gets text, colours and positions."""
    terminal = show(tmp_path, QUICK_EVENTS, seed=1)
    assert len(terminal.seen) > QUICK_EVENTS / 4


@pytest.mark.parametrize("form", ["text", "json"])
def test_hostile_events_are_inert_as_lines(tmp_path: Path, form: str) -> None:
    """Without screens every line is text: no line end of an event, no control character."""
    terminal = tell(tmp_path, QUICK_EVENTS * 4, seed=2, form=form)
    assert len(terminal.seen) > QUICK_EVENTS


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b]52;c;aGk=\x07", b"\x1b[31;1x", b"\x1b[6n", b"\x1bc", b"\x9b2J", b"\xc2\x9b2J",
        b"\x07", b"\x00", "\u202e".encode(), "\u200b".encode(), b"\x1b[?1h", b"\x1b]8;;x\x1b\\",
        b"\x1b[2;2H\x1b(0", b"\x7f", b"\x1b[", b"\xed\xa0\x80",
    ],
)  # fmt: skip
def test_the_reader_lets_nothing_hostile_through(data: bytes) -> None:
    """What these tests rest on: the strict reader finds each kind, however it is cut."""
    with pytest.raises(Hostile):  # noqa: PT012 - it may come with any of them
        reader = StrictReader()
        for at in range(len(data)):
            reader.read(data[at : at + 1])
        reader.end()


def test_the_reader_lets_the_screens_through() -> None:
    """And it has nothing against what the screens are drawn with."""
    data = "\x1b[?1049h\x1b[?2026h\x1b[3;4H\x1b[38;2;1;2;3mtext ␛ 日本\x1b[0m\n\x1b[?2026l".encode()
    for cut in range(len(data)):
        reader = StrictReader()
        assert reader.read(data[:cut]) + reader.read(data[cut:]) == "text ␛ 日本\n"
        reader.end()


@pytest.mark.long
def test_a_million_hostile_payloads_on_the_screens(tmp_path: Path) -> None:
    """The same with ten payloads in each of a hundred thousand events."""
    terminal = show(tmp_path, LONG_EVENTS, 3, "--pace", "400")
    print(
        f"{LONG_EVENTS * FIELDS:,} payloads, {len(terminal.seen):,} of them drawn,"
        f" {terminal.reader.characters:,} characters"
    )


@pytest.mark.long
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_million_hostile_payloads_as_lines(tmp_path: Path, form: str) -> None:
    """The same as lines."""
    terminal = tell(tmp_path, LONG_EVENTS, 4, form)
    print(f"{LONG_EVENTS * FIELDS:,} payloads, {len(terminal.seen):,} printed")
