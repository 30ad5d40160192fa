"""Planning: the plan of a change is shown before anything is changed.

Functions for workers: they wait for the engine, and then for the person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agentflow.control import Answer
from agentflow.telemetry.planned import Preview
from agentflow_console.link.protocol import LinkError

if TYPE_CHECKING:
    from agentflow_console.operate import Operating

LEFT = "Nothing was changed."


async def plan_of(app: Operating, of: str, arguments: dict[str, Any]) -> Preview | Answer:
    """What would come of a command; the engine's refusal if it would refuse that."""
    try:
        answer = await app.link.command("plan", of=of, **arguments)
    except LinkError as error:
        return Answer(False, str(error))
    return msgspec.convert(answer.data, Preview) if answer.ok else answer


async def decide(
    app: Operating, of: str, arguments: dict[str, Any], title: str, *, whole: bool = False
) -> Answer:
    """Show the plan of a command and do it if that is wanted; what came of it."""
    from agentflow_console.forms.plan import PlanScreen

    preview = await plan_of(app, of, arguments)
    if isinstance(preview, Answer):
        app.say(preview.message, ok=False)
        return preview
    screen = PlanScreen(app.command, of, arguments, preview, title=title, whole=whole)
    answer = await app.push_screen_wait(screen)
    return answer or Answer(False, LEFT)


async def decide_canary(app: Operating) -> None:
    """Show both versions and have one of them for all sessions, if that is wanted."""
    from agentflow_console.forms.canary import CanaryScreen

    plans = {}
    for name in ("promote", "abort_canary"):
        plan = await plan_of(app, name, {})
        if isinstance(plan, Answer):
            app.say(plan.message, ok=False)
            return
        plans[name] = plan
    row = app.store.snapshot.canary if app.store.snapshot is not None else None
    if row is not None:
        await app.push_screen_wait(CanaryScreen(app.command, row, plans, app.palette))
