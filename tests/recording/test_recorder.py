"""What an engine's recording holds of what the engine did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentflow import Config, Context, Event, HookPoint, Runner, State
from agentflow.journal import Journal
from agentflow.recording import NOBODY, Recorder, Recording

from .support import ByHand, emitting, record

MIXED = """
[orchestration]
mode = "mixed"
collaborative_agents = ["left", "right"]
sequential_agents = ["first", "second"]
retry_attempts = 0
[agents.left]
[agents.right]
[agents.first]
[agents.second]
"""


async def count(event: Event, state: State) -> State:
    """Counts itself."""
    state["count"] = state.get("count", 0) + 1
    return state


async def test_a_story_says_what_happened_to_an_event(tmp_path: Path) -> None:
    """Target, session, mode, version, runs with their outputs, final state: all is in it."""
    event = Event("worker", {"n": 1}, session_id="s")
    await record(tmp_path / "x.rec", {"worker": count}, emitting(event))
    with Recording.open(tmp_path / "x.rec") as recording:
        (story,) = recording.stories()
        assert recording.event_of(story) == event
        assert (story.target, story.session, story.mode, story.version) == (
            "worker", "s", "route", 1,
        )  # fmt: skip
        assert story.accepted <= story.started <= story.runs[0].start <= story.ended
        assert [(run.agent, run.attempts, run.error) for run in story.runs] == [("worker", 1, "")]
        assert story.runs[0].before == {"n": 1}
        assert story.outputs[0] is not None
        assert story.outputs[0].values == story.state == {"n": 1, "count": 1}
        assert story.whole
        assert story.error == ""


@pytest.mark.parametrize("with_hook", [False, True])
async def test_outputs_are_what_handlers_ended_with_on_either_way(
    tmp_path: Path, with_hook: bool
) -> None:
    """With a callback in between and without one, each run's output is its own."""

    async def add(event: Event, state: State) -> State:
        state["seen"] = f"{state.get('seen', '')}+"
        state.meta["by"] = "add"
        return state

    async def doing(runner: Runner) -> None:
        if with_hook:
            runner.register_callback(HookPoint.AFTER_AGENT_RUN, "spoil", spoil)
        await runner.emit(Event("", {"n": 1}))

    def spoil(args: Any) -> State:
        args.state["spoilt"] = True
        return args.state

    toml = '[orchestration]\nmode = "sequential"\nsequential_agents = ["a", "b"]\n'
    toml += "[agents.a]\n[agents.b]\n"
    await record(tmp_path / "x.rec", {"a": add, "b": add}, doing, toml=toml)
    with Recording.open(tmp_path / "x.rec") as recording:
        (story,) = recording.stories()
    outputs = [output.values if output else None for output in story.outputs]
    if with_hook:
        first = {"n": 1, "seen": "+"}
        assert outputs == [first, {"n": 1, "seen": "++", "spoilt": True}]
    else:
        assert outputs == [{"n": 1, "seen": "+"}, {"n": 1, "seen": "++"}]
    assert [output.meta for output in story.outputs if output] == [{"by": "add"}] * 2


async def test_a_route_is_in_the_output_although_the_engine_consumes_it(tmp_path: Path) -> None:
    """The last run's output has the route that the final state has not."""

    async def router(event: Event, state: State) -> State:
        state.meta["route"] = "worker"
        return state

    await record(tmp_path / "x.rec", {"router": router, "worker": count}, emitting(Event("router")))
    with Recording.open(tmp_path / "x.rec") as recording:
        first, second = recording.stories()
    assert first.outputs[0] is not None
    assert first.outputs[0].meta == {"route": "worker"}
    assert first.meta == {}
    assert first.children == [second.id]
    assert first.emitters == [NOBODY]
    assert second.parent == first.id


async def test_each_round_of_a_loop_has_its_own_number(tmp_path: Path) -> None:
    """The output of a round is not marked with the number of the next one."""
    toml = '[orchestration]\nmode = "loop"\nloop_agent = "a"\nmax_iterations = 3\n[agents.a]\n'
    await record(tmp_path / "x.rec", {"a": count}, emitting(Event("", {})), toml=toml)
    with Recording.open(tmp_path / "x.rec") as recording:
        (story,) = recording.stories()
    found = [(output.values["count"], output.meta) for output in story.outputs if output]
    assert found == [(n, {"loop_iteration": str(n)}) for n in (1, 2, 3)]


async def test_a_failed_run_has_an_output_that_says_so(tmp_path: Path) -> None:
    """Error and type of the error are in it, and the story is of a dead letter."""

    async def broken(event: Event, state: State) -> State:
        raise ZeroDivisionError("no")

    await record(tmp_path / "x.rec", {"a": broken}, emitting(Event("a", {})), toml="")
    with Recording.open(tmp_path / "x.rec") as recording:
        (story,) = recording.stories()
        assert recording.failed == 1
    (output,) = story.outputs
    assert output is not None
    assert (output.error, output.error_type) == (
        "ZeroDivisionError: no", "builtins.ZeroDivisionError",
    )  # fmt: skip
    assert story.error == "ZeroDivisionError: no"


@pytest.mark.parametrize("journal", [False, True])
async def test_what_a_handler_emits_is_put_down_to_its_run(tmp_path: Path, journal: bool) -> None:
    """Every child names the run that emitted it, also from parallel ones, and what it requested."""

    async def left(event: Event, state: State, context: Context) -> State:
        if event.data.get("deep"):
            return state
        await context.emit(event.child("left", {"deep": 1, "by": "left"}))
        return state

    async def second(event: Event, state: State, context: Context) -> State:
        if event.data.get("deep"):
            return state
        await context.request(event.child("left", {"deep": 1, "by": "second"}))
        return state

    agents = {"left": left, "right": count, "first": count, "second": second}
    kept = Journal(tmp_path / "x.db") if journal else False
    path = tmp_path / "x.rec"
    await record(path, agents, emitting(Event("", {})), toml=MIXED, journal=kept)
    with Recording.open(path) as recording:
        stories = {story.id: story for story in recording.stories()}
        roots = [story for story in stories.values() if story.children]
        (root,) = roots
        found = {
            recording.event_of(stories[child]).data["by"]: root.runs[emitter].agent
            for child, emitter in zip(root.children, root.emitters, strict=True)
        }
    assert found == {"left": "left", "second": "second"}
    assert [story.nested for story in stories.values()].count(True) == 1


async def test_what_is_too_large_is_cut_and_marked(tmp_path: Path) -> None:
    """A state beyond the limit, and one that can't be encoded, are not whole; others are."""

    async def swell(event: Event, state: State) -> State:
        state["kind"] = event.data["kind"]
        if event.data["kind"] == "large":
            state["text"] = "x" * 10_000
        elif event.data["kind"] == "odd":
            state["object"] = object()
        else:
            state["nested"] = [1, (2, {"a": frozenset({3})})]
        return state

    kinds = ("large", "odd", "exact")
    events = [Event("a", {"kind": kind}) for kind in kinds]
    await record(tmp_path / "x.rec", {"a": swell}, emitting(*events), max_state=5_000)
    with Recording.open(tmp_path / "x.rec") as recording:
        found = {story.state["kind"]: story for story in recording.stories()}
    assert {kind: story.whole for kind, story in found.items()} == {
        "large": False, "odd": False, "exact": True,
    }  # fmt: skip
    assert len(found["large"].state["text"]) < 1_000
    assert found["exact"].state["nested"] == [1, (2, {"a": frozenset({3})})]
    for story in found.values():
        assert story.outputs[0] is not None
        assert story.outputs[0].whole is story.whole


@pytest.mark.parametrize("value", ["\ud800", 2**70, float("nan"), {1, 2}, b"\xff", {"\ud800": 1}])
async def test_no_value_can_stop_a_recording(tmp_path: Path, value: object) -> None:
    """Whatever a handler puts into state and meta, the event is in the recording."""

    async def odd(event: Event, state: State) -> State:
        state["value"] = value
        state.meta["value"] = value  # type: ignore[assignment]
        return state

    runner = await record(tmp_path / "x.rec", {"a": odd}, emitting(Event("a"), Event("a")))
    assert runner.counts().succeeded == 2
    with Recording.open(tmp_path / "x.rec") as recording:
        assert [story.seq for story in recording.stories()] == [1, 2]


async def test_a_later_change_of_a_state_changes_no_story(tmp_path: Path) -> None:
    """Who got the outcome may do with it what they like."""

    async def doing(runner: Runner) -> None:
        for _ in range(50):
            result = await runner.request(Event("a", {"n": 1}))
            result.state["count"] = "overwritten"

    await record(tmp_path / "x.rec", {"a": count}, doing)
    with Recording.open(tmp_path / "x.rec") as recording:
        assert {story.state["count"] for story in recording.stories()} == {1}


async def test_frames_and_news_show_the_engine(tmp_path: Path) -> None:
    """The last frame has the final counts, the streams the log and the dead letters."""

    async def fails(event: Event, state: State) -> State:
        raise ValueError("no")

    async def doing(runner: Runner) -> None:
        runner.report("warning", "look here")
        await runner.emit(Event("a", {}))

    await record(tmp_path / "x.rec", {"a": fails}, doing)
    with Recording.open(tmp_path / "x.rec") as recording:
        end = recording.span.end
        frame = recording.frame(end)
        assert frame is not None
        assert frame.snapshot.counts.dead == 1
        assert "look here" in [row.text for row in recording.streams.log(end, 10)[0]]
        assert [row.error for row in recording.streams.dead(end)] == ["ValueError: no"]
        assert recording.streams.config(end)[0] is not None


async def test_every_version_is_kept_and_numbers_stay_clear(tmp_path: Path) -> None:
    """Without a journal each start counts from 1; other texts get other numbers."""
    path = tmp_path / "x.rec"
    one, two = (f'[agent_flow]\nname = "{name}"\n' for name in ("one", "two"))
    for toml in (one, two, one):
        await record(path, {"a": count}, emitting(Event("a")), toml=toml)
    with Recording.open(path) as recording:
        texts = {number: version.text for number, version in recording.versions.items()}
        assert [texts[story.version] for story in recording.stories()] == [one, two, one]


async def test_a_recording_that_fails_goes_off_and_says_so_once(tmp_path: Path) -> None:
    """The engine goes on as if nothing had been."""
    runner = Runner(recorder=Recorder(tmp_path / "x.rec"))
    runner.register_agent("a", count)
    async with runner:
        recorder = runner.dispatcher.recorder
        assert recorder is not None
        assert recorder._writer is not None
        recorder._writer._db.close()
        for _ in range(20):
            await runner.request(Event("a"))
        recorder._writer._thread.join(10)
        for _ in range(20):
            await runner.request(Event("a"))
        assert runner.dispatcher.recorder is None
    assert runner.counts().succeeded == 40
    said = [row.text for row in runner.telemetry.lines.items if "recording" in row.text]
    assert len(said) == 1


async def test_a_file_that_cannot_be_written_stops_no_start(tmp_path: Path) -> None:
    """A folder stands where the recording should be: said, and the engine works."""
    (tmp_path / "x.rec").mkdir()
    runner = await record(tmp_path / "x.rec", {"a": count}, emitting(Event("a")))
    assert runner.counts().succeeded == 1
    assert any("nothing is recorded" in row.text for row in runner.telemetry.lines.items)


async def test_a_second_engine_leaves_the_recording_of_the_first_alone(tmp_path: Path) -> None:
    """It runs without one, and says whose it is."""
    path = tmp_path / "x.rec"

    async def doing(runner: Runner) -> None:
        other = await record(path, {"a": count}, emitting(Event("a")))
        said = [row.text for row in other.telemetry.lines.items]
        assert any("is using it" in text for text in said)
        await runner.emit(Event("a"))

    await record(path, {"a": count}, doing)
    with Recording.open(path) as recording:
        assert recording.count == 1


async def test_it_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    """A program's own runner records when its configuration says so, beside the journal."""
    assert Runner(Config.from_toml("")).recorder is None
    path = tmp_path / "agentflow.toml"
    asked = Runner(Config.from_toml("[recording]\nenabled = true\n", path=path))
    assert asked.recorder is not None
    assert asked.recorder.path == tmp_path / ".agentflow" / "agentflow.rec"
    beside = Config.from_toml('[journal]\npath = "x.db"\n[recording]\nenabled = true\n', path=path)
    recorder = Runner(beside).recorder
    assert recorder is not None
    assert recorder.path == tmp_path / "x.rec"


def test_a_recording_is_private(tmp_path: Path) -> None:
    """Only its owner may read it."""
    path = ByHand(tmp_path / "folder" / "x.rec").write()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_is_written_while_nothing_happens(tmp_path: Path) -> None:
    """Once all has come to rest there is a heartbeat every ten seconds, and no more."""
    made = ByHand(tmp_path / "x.rec")
    for second in range(120):
        made.frame(second)
    with Recording.open(made.write()) as recording:
        assert 20 <= len(recording.frame_times) <= 24
