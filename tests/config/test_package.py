"""The package: its names are there, and cheap until they are used."""

from __future__ import annotations

import subprocess
import sys

import agentflow.config
from agentflow.config import Config
from agentflow.config.section import Section


def test_every_public_name_can_be_had() -> None:
    """Names that are promised exist, and are not hidden by a module of the same name."""
    for name in agentflow.config.__all__:
        value = getattr(agentflow.config, name)
        assert value.__name__ == name
    assert dir(agentflow.config) == sorted(agentflow.config.__all__)
    assert not hasattr(agentflow.config, "nothing")


def test_only_who_watches_loads_the_watcher() -> None:
    """What is not asked for is not imported."""
    code = (
        "import sys; from agentflow.config import Config, check_config; "
        "sys.exit('watchfiles' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def sections(model: type[Section] = Section) -> list[type[Section]]:
    """Every table of the schema."""
    return [below for sub in model.__subclasses__() for below in (sub, *sections(sub))]


def test_every_key_is_described_in_a_sentence() -> None:
    """A form or a manual can say of each key what it means."""
    assert Config in sections()
    for model in sections():
        for name, field in model.model_fields.items():
            assert (field.description or "").endswith("."), f"{model.__name__}.{name}"


def test_no_key_has_two_meanings() -> None:
    """A spelling is neither a key of its own nor said to be unused, and leads to a key."""
    for model in sections():
        assert not model.spellings.keys() & model.model_fields.keys()
        assert not model.unused.keys() & (model.spellings.keys() | model.model_fields.keys())
        assert {spelling.path[0] for spelling in model.spellings.values()} <= set(
            model.model_fields
        )
