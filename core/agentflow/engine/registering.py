"""Registering: the agents, callbacks and subscribers that a program gives to its runner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentflow.agent import Handler
from agentflow.engine.hooks import CallbackFunc, HookPoint
from agentflow.engine.subscribers import Subscriber
from agentflow.engine.swapping import Swapping


class Registering(Swapping):
    """The side of a runner that is told of code."""

    def register_agent(self, name: str, handler: Handler | Any) -> None:
        """Let ``handler`` be the code of agent ``name``; may be called while running.

        A handler is a function of (event, state) or (event, state, context), plain or
        async, or an Agent. Raises ValueError for an empty or taken name, TypeError for
        something that cannot handle events.
        """
        self._compiler.register(name, handler)
        if self._status == "running":
            self._compile_again()

    def unregister_agent(self, name: str) -> bool:
        """Take out an agent that was registered in code; False if there is none."""
        found = self._compiler.unregister(name)
        if found and self._status == "running":
            self._compile_again()
        return found

    def _compile_again(self) -> None:
        canary = self.dispatcher.canary
        if canary is not None:
            canary.plan = self.compile_apart(canary.plan.config, canary.plan.version)
        self._swap(self._compiler.compile(self.config, self.version))

    def register_callback(self, hook: HookPoint | str, name: str, callback: CallbackFunc) -> None:
        """Hang a callback into a hook point, under a name of its own there.

        Raises ValueError for an empty or taken name, or a hook point that doesn't exist.
        """
        self.dispatcher.hooks.register(hook, name, callback)
        self._look_express()

    def unregister_callback(self, hook: HookPoint | str, name: str) -> bool:
        """Take a callback out; False if there was none of that name."""
        found = self.dispatcher.hooks.unregister(hook, name)
        self._look_express()
        return found

    def _look_express(self) -> None:
        if self._status != "new":
            self.dispatcher.look_express()

    def subscribe(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Tell ``subscriber`` of every accepted event whose target matches ``pattern``.

        ``pattern`` is a glob ("capability.*"); the supervisor's ``agent.failed`` and
        ``agent.recovered`` match too. Subscribers run beside the event's own way
        and can neither delay nor fail it; what they raise is logged. Returns a function
        that ends the subscription.
        """
        return self.subscribers.add(pattern, subscriber)
