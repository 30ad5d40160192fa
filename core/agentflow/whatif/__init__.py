"""What-if: recorded sessions under another configuration, in a sandbox, side by side.

``WhatIf`` runs them, ``Choices`` say where each agent's outputs come from, and each
``SessionReport`` where the new run and the recorded one part.
"""

from agentflow.whatif.choices import (
    AT_MISSING,
    MISSING,
    MOCK,
    RECORDED,
    RERUN,
    SOURCES,
    ChoiceError,
    Choices,
    choices_from,
)
from agentflow.whatif.compare import Divergence
from agentflow.whatif.recorded import chosen
from agentflow.whatif.report import (
    PARTED,
    SAME,
    UNTOLD,
    Outcomes,
    Pair,
    SessionReport,
    Summary,
    as_data,
    compare_sessions,
    summary_data,
)
from agentflow.whatif.sandbox import Sandbox
from agentflow.whatif.trace import EventTrace, Step, canonical, encode
from agentflow.whatif.whatif import WhatIf

__all__ = [
    "AT_MISSING",
    "MISSING",
    "MOCK",
    "PARTED",
    "RECORDED",
    "RERUN",
    "SAME",
    "SOURCES",
    "UNTOLD",
    "ChoiceError",
    "Choices",
    "Divergence",
    "EventTrace",
    "Outcomes",
    "Pair",
    "Sandbox",
    "SessionReport",
    "Step",
    "Summary",
    "WhatIf",
    "as_data",
    "canonical",
    "choices_from",
    "chosen",
    "compare_sessions",
    "encode",
    "summary_data",
]
