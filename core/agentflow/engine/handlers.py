"""Handlers: finding an agent's code and calling it, whatever its shape."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from agentflow.agent import Agent
from agentflow.engine.threads import Threads
from agentflow.errors import HandlerNotLoaded


class Code:
    """An agent's code in the one shape that the engine calls.

    ``call(event, state)``, or ``call(event, state, context)`` if ``wants_context``,
    returns an awaitable. ``agent`` is the object with the life cycle, if there is one.
    """

    __slots__ = ("_starting", "agent", "call", "kind", "started", "wants_context")

    def __init__(self, handler: Any, threads: Threads, kind: str = "code") -> None:
        """Raises TypeError if ``handler`` is not something that can handle events."""
        self.kind = kind
        self.agent: Agent | None = None
        if inspect.isclass(handler) and issubclass(handler, Agent):
            handler = handler()
        function = handler
        if isinstance(handler, Agent):
            self.agent = handler
            if type(handler).handle_event is Agent.handle_event:
                run = handler.run
                function = _state_only(run)
            else:
                function = handler.handle_event
        elif not callable(handler):
            raise TypeError(f"not a handler: {handler!r} cannot be called")
        elif not inspect.isroutine(handler) and hasattr(handler, "__call__"):  # noqa: B004
            # An object with __call__, a partial: what matters is the method's own kind.
            function = handler
        self.started = self.agent is None
        self._starting = asyncio.Lock()
        self.wants_context = _positional(function) >= 3
        self.call: Callable[..., Awaitable[Any]]
        if _is_async(function):
            self.call = function
        else:
            self.call = _in_thread(function, threads)

    async def start(self) -> None:
        """Get the agent ready before its first run; what it raises leaves it unready."""
        if self.agent is None:
            return
        async with self._starting:
            if not self.started:
                await self.agent.initialize()
                self.started = True

    async def stop(self) -> None:
        """Let the agent go, if it was ever got ready."""
        if self.agent is not None and self.started:
            self.started = False
            await self.agent.shutdown()


def _state_only(run: Callable[[Any], Any]) -> Callable[..., Any]:
    if _is_async(run):

        async def handle(event: Any, state: Any) -> Any:
            return await run(state)

        return handle

    def handle_plain(event: Any, state: Any) -> Any:
        return run(state)

    return handle_plain


def _in_thread(function: Callable[..., Any], threads: Threads) -> Callable[..., Awaitable[Any]]:
    async def call(*arguments: Any) -> Any:
        result = await threads.run(function, *arguments)
        if inspect.isawaitable(result):
            return await result
        return result

    return call


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


def _positional(function: Any) -> int:
    """How many of (event, state, context) ``function`` takes. Raises TypeError for 0 or 1."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 2
    count = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            count = max(count, 3)
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            # An optional third parameter that is not the context is somebody's own.
            optional = parameter.default is not parameter.empty
            if count == 2 and optional and parameter.name not in ("context", "ctx"):
                break
            count += 1
    if count < 2:
        raise TypeError(f"a handler takes (event, state) or (event, state, context): {function!r}")
    return min(count, 3)


def load(agent: str, reference: str, folder: Path | None) -> Any:
    """The object that ``module:attribute`` names, looked up first beside the TOML.

    Raises HandlerNotLoaded with the file and line of what went wrong.
    """
    module_name, _, attribute = reference.partition(":")
    try:
        found: Any = _module(module_name, folder)
        for part in attribute.split("."):
            found = getattr(found, part)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise HandlerNotLoaded(agent, reference, _reason(error), _where(error)) from error
    return found


def _module(name: str, folder: Path | None) -> ModuleType:
    """Import ``name``; a file or package in ``folder`` comes first."""
    if folder is None:
        return importlib.import_module(name)
    folder = folder.resolve()
    path = str(folder)
    if path not in sys.path:
        # Behind everything installed: what the user's files are called can't hide a library.
        sys.path.append(path)
    first = name.partition(".")[0]
    beside = folder / f"{first}.py"
    package = folder / first / "__init__.py"
    if beside.is_file() or package.is_file():
        known = sys.modules.get(first)
        own = Path(known.__file__ or "").parent if known and known.__file__ else None
        if known is None or (own is not None and not own.is_relative_to(folder)):
            file = beside if beside.is_file() else package
            _load_file(first, file, is_package=file is package)
    return importlib.import_module(name)


def _load_file(name: str, file: Path, *, is_package: bool) -> None:
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(file.parent)] if is_package else None
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise


def _reason(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if frame.filename != __file__ and "importlib" not in frame.filename
    ]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""
