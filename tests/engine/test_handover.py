"""One runner goes on where another stopped."""

from __future__ import annotations

import msgspec

from agentflow import Config, Event, Runner, State

TEXT = """
[orchestration]
retry_attempts = 0
"""


async def test_what_is_queued_held_and_dead_goes_on_in_another_runner() -> None:
    """Nothing is lost or run twice, the counts go on, and an operator's changes stay."""
    ran: list[tuple[str, int]] = []

    def runner(name: str) -> Runner:
        made = Runner(Config.from_toml(TEXT, environ={}))

        async def work(event: Event, state: State) -> None:
            ran.append((name, event.data["n"]))
            if event.data["n"] == 1:
                raise ValueError("bad")

        made.register_agent("work", work)
        made.register_agent("other", work)
        return made

    old = runner("old")
    await old.start()
    for n in range(3):
        await old.request(Event("work", {"n": n}))
    await old.apply(old.config.override({"orchestration.mode": "sequential",
                                         "orchestration.sequential_agents": ["work"]}))  # fmt: skip
    old.pause("work")
    await old.emit(Event(data={"n": 3}))
    await old.join()
    old.pause()
    await old.emit(Event(data={"n": 4}))
    left = msgspec.msgpack.decode(msgspec.msgpack.encode(await old.hand_over()))
    new = runner("new")
    async with new:
        await new.take_over(left)
        assert new.counts() == (5, 0, 2, 0, 2, 1)
        assert new.plan.mode == "sequential"
        assert new.version == 2
        (letter,) = new.dead_letters
        assert str(letter.error) == "ValueError: bad"
        new.resume()
        await new.join()
        new.resume("work")
        await new.join()
        assert new.counts() == (5, 0, 0, 0, 4, 1)
        await new.undo()
        assert new.plan.mode == "route"
    assert ran == [("old", 0), ("old", 1), ("old", 2), ("new", 3), ("new", 4)]
