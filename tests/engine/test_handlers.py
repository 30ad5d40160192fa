"""Handlers named in the configuration: found beside the file, and said where they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentflow import AgentNotFound, Config, ConfigError, Event, Runner
from agentflow.testing import VirtualClock, recorder

from .support import make, virtual


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """What a test's files are called does not outlive the test."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def project(folder: Path, handler: str, files: dict[str, str], extra: str = "") -> Runner:
    """A runner for an agentflow.toml in ``folder`` with one agent ``a``."""
    for name, code in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code, encoding="utf-8")
    toml = folder / "agentflow.toml"
    toml.write_text(f'[agents.a]\nhandler = "{handler}"\n{extra}', encoding="utf-8")
    return Runner.from_config(toml, clock=VirtualClock())


ASYNC = "async def handle(event, state):\n    return {'from': __name__}\n"
CLASS = """
from agentflow import Agent

class Worker(Agent):
    role = "does it"
    async def run(self, state):
        return {"from": __name__}

class Box:
    inner = Worker
"""


@pytest.mark.parametrize(
    ("handler", "file", "code"),
    [
        ("mine_a:handle", "mine_a.py", ASYNC),
        ("mine_b:Worker", "mine_b.py", CLASS),
        ("mine_c:Box.inner", "mine_c.py", CLASS),
        ("mine_d.sub:handle", "mine_d/sub.py", ASYNC),
        ("mine_e.sub:handle", "mine_e/sub.py", ASYNC),
    ],
)
@virtual
async def test_a_handler_is_looked_up_beside_the_file(
    tmp_path: Path, handler: str, file: str, code: str
) -> None:
    """Functions and classes, in modules and packages, by dotted path."""
    files = {file: code}
    if file.startswith("mine_e"):
        files["mine_e/__init__.py"] = ""
    async with project(tmp_path, handler, files) as runner:
        result = await runner.request(Event("a"))
    assert result.error is None
    assert result.state == {"from": handler.partition(":")[0]}


@virtual
async def test_the_users_file_comes_before_an_installed_module(tmp_path: Path) -> None:
    """A file beside the TOML wins over a module of that name elsewhere."""
    async with project(tmp_path, "this:handle", {"this.py": ASYNC}) as runner:
        assert (await runner.request(Event("a"))).state == {"from": "this"}


@virtual
async def test_installed_modules_can_be_named_too(tmp_path: Path) -> None:
    """What is not beside the file is imported as usual: here, a function that takes no event."""
    with pytest.raises(ConfigError, match=r"a handler takes \(event, state\).*function loads"):
        await project(tmp_path, "json:loads", {}).start()


@pytest.mark.parametrize(
    ("handler", "code", "words"),
    [
        ("gone:handle", None, ["gone"]),
        ("bad_a:handle", "import no_such_thing\n", ["no_such_thing", "bad_a.py:1"]),
        ("bad_b:handle", "x = 1\n\nraise ValueError('mine')\n", ["mine", "bad_b.py:3"]),
        ("bad_c:handle", "def handle(:\n", ["bad_c.py:1"]),
        ("bad_d:handle", "x = 1\n", ["handle"]),
        ("bad_e:handle", "handle = 5\n", ["cannot be called"]),
        ("bad_f:handle", "def handle(event):\n    pass\n", ["(event, state)"]),
        ("bad_g:handle", "raise SystemExit(3)\n", ["SystemExit", "bad_g.py:1"]),
    ],
)
@virtual
async def test_a_handler_that_cannot_be_loaded_is_a_problem_on_its_key(
    tmp_path: Path, handler: str, code: str | None, words: list[str]
) -> None:
    """ConfigError names the agent's key, the reason, and file and line of the code."""
    files = {} if code is None else {f"{handler.partition(':')[0]}.py": code}
    runner = project(tmp_path, handler, files)
    with pytest.raises(ConfigError) as caught:
        await runner.start()
    (problem,) = caught.value.problems
    assert problem.key == "agents.a.handler"
    assert problem.line == 2
    for word in words:
        assert word in problem.message
    assert runner.status == "new"


@virtual
async def test_every_handler_that_cannot_be_loaded_is_reported_at_once(tmp_path: Path) -> None:
    """One start shows all of them."""
    extra = '[agents.b]\nhandler = "gone_b:x"\n[agents.c]\nhandler = "gone_c:x"\nenabled = false'
    with pytest.raises(ConfigError) as caught:
        await project(tmp_path, "gone_a:x", {}, extra).start()
    assert [problem.key for problem in caught.value.problems] == [
        "agents.a.handler", "agents.b.handler",
    ]  # fmt: skip


@virtual
async def test_registered_code_comes_before_the_configurations() -> None:
    """register_agent gives an agent of the configuration its code."""
    worker = recorder({"y": 1})
    text = '[agents.a]\nhandler = "no_such:thing"\nrole = "does it"'
    async with make(text, a=worker.agent) as runner:
        assert (await runner.request(Event("a"))).state == {"y": 1}
        assert runner.plan.agents["a"].role == "does it"


@virtual
async def test_the_role_of_a_class_is_its_own_unless_configured(tmp_path: Path) -> None:
    """role, timeout and enabled of the class serve when the configuration says nothing."""
    async with project(tmp_path, "mine_r:Worker", {"mine_r.py": CLASS}) as runner:
        assert runner.plan.agents["a"].role == "does it"


@virtual
async def test_an_agent_without_a_handler_asks_its_model() -> None:
    """Its prompt, the event's data and the state go to the provider; the answer is in the state."""
    text = """
        [llm]
        provider = "mock"
        [agents.writer]
        system_prompt = "You write."
        role = "writer"
    """
    async with make(text) as runner:
        result = await runner.request(Event("writer", {"topic": "rain"}))
        again = await runner.request(Event("writer", {"topic": "rain"}))
        meter = runner.plan.agents["writer"].vitals.meter
        assert meter.tokens_in > 0
        assert meter.tokens_out > 0
    assert result.error is None
    assert result.state["topic"] == "rain"
    assert len(result.state) > 1
    assert result.state == again.state


@virtual
async def test_a_provider_that_cannot_be_used_fails_its_runs_and_nothing_else() -> None:
    """A missing key is a typed failure of that agent; the others work."""
    text = """
        [orchestration]
        retry_attempts = 0
        [agents.writer]
        system_prompt = "You write."
        [agents.writer.llm]
        provider = "openai"
        model = "m"
        base_url = "http://127.0.0.1:9"
        [agents.a]
        system_prompt = "x"
    """
    async with make(text, a=recorder({"y": 1}).agent) as runner:
        result = await runner.request(Event("writer"))
        assert result.error is not None
        assert not isinstance(result.error, AgentNotFound)
        assert (await runner.request(Event("a"))).state == {"y": 1}


def test_a_bad_file_is_a_config_error_with_its_problems(tmp_path: Path) -> None:
    """Runner.from_config(path) refuses what load_config refuses."""
    path = tmp_path / "agentflow.toml"
    path.write_text("[orchestration]\nmode = 'chaos'\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Runner.from_config(path)
    assert caught.value.problems[0].line == 2
    assert Config.from_toml("", environ={}).orchestration.mode == "route"
