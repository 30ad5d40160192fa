"""The public names: what the package exports, and nothing by accident."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import agentflow
import agentflow.errors

CONTRACT = {
    "Event", "State", "AgentResult", "Agent", "Context", "Runner", "HookPoint", "CallbackArgs",
    "Config", "load_config", "check_config", "Problem", "TraceEntry", "DeadLetter", "Counts",
    "AgentFlowError", "ConfigError", "QueueFull", "RunnerNotRunning", "RunnerAlreadyRunning",
    "AgentNotFound", "EventVetoed", "EventLoopDetected", "MaxIterationsReached",
    "DeadlineExceeded", "AgentTimeout", "CircuitOpen", "RetryPolicy", "CircuitBreaker",
    "ErrorClassifier",
}  # fmt: skip


def test_everything_in_the_contract_is_exported() -> None:
    """Each name of the contract can be imported from agentflow."""
    missing = [name for name in CONTRACT if not hasattr(agentflow, name)]
    assert missing == []
    assert set(agentflow.__all__) >= CONTRACT


def test_all_is_sorted_complete_and_true() -> None:
    """__all__ names each thing once, in order, and every one of them is there."""
    names = list(agentflow.__all__)
    assert names == sorted(set(names), key=names.index)
    assert sorted(names) == sorted(set(names))
    for name in names:
        assert getattr(agentflow, name) is not None
    assert set(names) <= set(dir(agentflow))


def test_no_name_that_is_not_there_is_made_up() -> None:
    """A misspelt name is an AttributeError, as everywhere."""
    with pytest.raises(AttributeError):
        agentflow.Runnner  # noqa: B018
    with pytest.raises(ImportError):
        exec("from agentflow import Runnner")


def test_every_public_thing_has_a_docstring() -> None:
    """Classes and functions say what they mean, and so do their public methods."""
    silent: list[str] = []
    for name in agentflow.__all__:
        thing = getattr(agentflow, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if not inspect.getdoc(thing):
            silent.append(name)
        if inspect.isclass(thing) and thing.__module__.startswith("agentflow"):
            silent += [
                f"{name}.{method}"
                for method, function in vars(thing).items()
                if not method.startswith("_")
                and inspect.isfunction(function)
                and not inspect.getdoc(function)
            ]
    assert silent == []


def test_every_error_is_exported_and_comes_of_one_base() -> None:
    """except AgentFlowError catches whatever agentflow raises on purpose."""
    for name, thing in vars(agentflow.errors).items():
        if inspect.isclass(thing) and issubclass(thing, Exception):
            assert issubclass(thing, agentflow.AgentFlowError)
            assert name in agentflow.errors.__doc__
    assert issubclass(agentflow.AgentTimeout, TimeoutError)
    assert issubclass(agentflow.DeadlineExceeded, TimeoutError)
    assert issubclass(agentflow.InvalidEvent, ValueError)


def packages() -> list[str]:
    return [
        module.name
        for module in pkgutil.walk_packages(agentflow.__path__, "agentflow.")
        if module.ispkg or module.name == "agentflow.testing"
    ]


@pytest.mark.parametrize("package", packages())
def test_the_names_of_the_packages_are_there(package: str) -> None:
    """Where a package has an __all__, everything in it exists."""
    module = importlib.import_module(package)
    for name in getattr(module, "__all__", []):
        assert hasattr(module, name), f"{package}.{name}"
