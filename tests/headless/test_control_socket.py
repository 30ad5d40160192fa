"""The control socket: other programs of the same person ask a running engine, and nobody else."""

from __future__ import annotations

import asyncio
import os
import socket as socket_module
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from agentflow import Event, Runner
from agentflow.control import Control
from agentflow.telemetry.snapshot import Cursor
from agentflow_console.link.control_socket import CLIENTS, ControlSocket
from agentflow_console.link.frames import frame
from agentflow_console.link.messages import Execute, HandOver, Pull, Stop, TakeOver
from agentflow_console.link.protocol import LinkError
from agentflow_console.managing.engine import Engine


async def fails(event, state):  # type: ignore[no-untyped-def]
    raise ValueError(f"no {event.data['n']}")


@pytest.fixture
async def control() -> AsyncIterator[Control]:
    """The control of an engine with a dead letter."""
    runner = Runner()
    runner.register_agent("fails", fails)
    async with runner:
        await runner.emit(Event("fails", {"n": 1}))
        await runner.join()
        yield Control(runner)


@pytest.fixture
async def socket(control: Control, tmp_path: Path) -> AsyncIterator[ControlSocket]:
    """Its socket."""
    socket = ControlSocket(control, tmp_path / "control.sock")
    await socket.open()
    yield socket
    await socket.close()


def engine(socket: ControlSocket) -> Engine:
    return Engine(str(socket.path), os.getpid())


async def works(socket: ControlSocket) -> bool:
    """Whether a client is answered."""
    async with engine(socket) as client:
        return (await client.pull(Cursor())).counts.accepted >= 1


async def test_a_client_asks_and_commands(socket: ControlSocket, control: Control) -> None:
    """What a screen may ask for comes over the socket, and commands are on record with a name."""
    async with engine(socket) as client:
        letters = (await client.pull(Cursor())).dead
        assert letters is not None
        assert [letter.number for letter in letters] == [1]
        detail = await client.dead_letter(1)
        assert detail is not None
        assert detail.event["data"] == {"n": 1}
        answer = await client.command("replay", number=1, data={"n": 2})
        assert answer.ok, answer.message
    await control.runner.join()
    assert [letter.status for letter in control.runner.dead_letters] == ["replayed", "dead"]
    (row,) = control.snapshot(Cursor()).audit
    assert (row.action, row.operator) == ("replay", client.operator)


async def test_many_clients_are_answered_at_a_time(socket: ControlSocket) -> None:
    """One that says nothing keeps nobody waiting."""
    async with engine(socket), engine(socket) as second:
        answers = await asyncio.gather(*(works(socket) for _ in range(8)))
        assert all(answers)
        assert (await second.command("pause", agent="")).ok


async def test_more_clients_than_there_is_room_for_are_turned_away(socket: ControlSocket) -> None:
    """The others are served on, and there is room again when one leaves."""
    async with AsyncExitStack() as stack:
        for _ in range(CLIENTS - 1):
            await stack.enter_async_context(engine(socket))
        async with engine(socket) as last:
            with pytest.raises(LinkError, match="hung up"):
                await works(socket)
            assert (await last.pull(Cursor())).counts.accepted == 1
        async with asyncio.timeout(30):
            while not await works_again(socket):
                pass


async def works_again(socket: ControlSocket) -> bool:
    """Whether the engine has noticed by now that somebody left."""
    try:
        return await works(socket)
    except LinkError:
        return False


async def test_only_the_owner_can_connect(socket: ControlSocket) -> None:
    """The file is private."""
    mode = socket.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_a_long_path_is_no_hindrance(control: Control, tmp_path: Path) -> None:
    """Sockets know only short paths; the engine and its clients get there all the same."""
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    socket = ControlSocket(control, deep / "control.sock")
    await socket.open()
    assert await works(socket)
    await socket.close()
    assert list(deep.iterdir()) == []


async def test_a_name_that_is_too_long_is_another_one(control: Control, tmp_path: Path) -> None:
    """Then it lies in a private folder of its own, and both are gone at the end."""
    socket = ControlSocket(control, tmp_path / ("x" * 120))
    await socket.open()
    assert stat.S_IMODE(socket.path.parent.stat().st_mode) == 0o700
    assert await works(socket)
    await socket.close()
    assert not socket.path.parent.exists()


async def test_what_a_killed_engine_left_is_in_nobodys_way(
    control: Control, tmp_path: Path
) -> None:
    """A socket of the same name that nobody listens to is replaced."""
    path = tmp_path / "control.sock"
    path.write_text("left")
    socket = ControlSocket(control, path)
    await socket.open()
    assert await works(socket)
    await socket.close()
    assert not path.exists()


async def test_closing_hangs_up(socket: ControlSocket) -> None:
    """Who is connected then is told by the end of the connection."""
    async with engine(socket) as client:
        await socket.close()
        with pytest.raises(LinkError, match="hung up"):
            await client.pull(Cursor())
    assert not socket.path.exists()


async def test_an_engine_that_says_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its loop may be blocked: who asks is not kept waiting for ever."""
    monkeypatch.setattr("agentflow_console.managing.engine.PATIENCE", 0.05)
    with socket_module.socket(socket_module.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(LinkError, match=r"process 7\) does not answer within 0.05 s"):
            await Engine(str(tmp_path / "s"), 7).__aenter__()
    with pytest.raises(LinkError, match="can't be reached"):
        await Engine(str(tmp_path / "nowhere"), 7).__aenter__()


NESTED = b"\x91" * 100_000
HOSTILE = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\xff\xff\xff\xff",
    (17 * 1024 * 1024).to_bytes(4, "big"),
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x05hello",
    frame({"type": "NoSuchRequest", "number": 1}),
    frame({"type": "Pull", "number": "one", "cursor": None}),
    frame([1, 2, 3]),
    len(NESTED).to_bytes(4, "big") + NESTED,
    b"\x00\x00\x01\x00half of it",
    os.urandom(4096),
]


@pytest.mark.parametrize("data", HOSTILE)
async def test_who_makes_no_sense_loses_the_connection(socket: ControlSocket, data: bytes) -> None:
    """Nothing else happens: others are answered as before."""
    async with engine(socket) as other:
        reader, writer = await asyncio.open_unix_connection(str(socket.path))
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(30):
            try:
                await reader.read()
            except ConnectionError:
                pass  # hung up with something unread: that is an end as well
        writer.close()
        assert (await other.pull(Cursor())).counts.accepted == 1
    assert await works(socket)


@pytest.mark.parametrize(
    "request_",
    [Stop(7, False), HandOver(7), TakeOver(7, {})],
    ids=["stop", "hand over", "take over"],
)
async def test_what_is_between_a_console_and_its_engine_is_refused(
    socket: ControlSocket, control: Control, request_: msgspec.Struct
) -> None:
    """Nobody ends or empties the engine over this socket."""
    async with engine(socket) as client:
        with pytest.raises(LinkError, match="is not for this socket"):
            await client._ask(request_)  # type: ignore[arg-type]
        assert (await client.pull(Cursor())).counts.accepted == 1
    assert control.runner.status == "running"


async def test_nonsense_in_a_request_is_an_answer(socket: ControlSocket) -> None:
    """What can't be looked up or done is told, and the connection goes on."""
    async with engine(socket) as client:
        assert not (await client.command("no such command")).ok
        assert not (await client.command("replay", number="x" * 100_000)).ok
        with pytest.raises(LinkError, match="could not answer Pull"):
            await client._ask(Pull(1, Cursor(limit=-1)))
        assert await client.dead_letter(-1) is None
        assert (await client.pull(Cursor())).counts.accepted == 1


async def test_who_does_not_read_gets_no_more(socket: ControlSocket, control: Control) -> None:
    """Requests without end are taken only as fast as their answers are read."""
    taken = 0
    execute = control.execute

    async def counting(command):  # type: ignore[no-untyped-def]
        nonlocal taken
        taken += 1
        return await execute(command)

    control.execute = counting  # type: ignore[method-assign]
    _, writer = await asyncio.open_unix_connection(str(socket.path))
    request = frame(Execute(1, "x" * 10_000, {}, "me"))
    stuck = asyncio.create_task(_flood(writer, request))
    before = -1
    async with asyncio.timeout(60):
        while taken > before:  # until it takes nothing more
            before = taken
            for _ in range(20):
                assert await works(socket)
    assert taken < 500
    stuck.cancel()
    writer.close()


async def _flood(writer: asyncio.StreamWriter, request: bytes) -> None:
    while True:
        writer.write(request)
        await writer.drain()
