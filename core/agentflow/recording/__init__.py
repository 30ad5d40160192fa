"""Recording: every event's story and a frame a second, on disk, to be looked at again.

``Recorder`` writes one beside a running engine, ``Recording`` reads one.
"""

from agentflow.recording.reading import Recording, Span
from agentflow.recording.recorder import Recorder
from agentflow.recording.records import (
    NOBODY,
    Frame,
    Note,
    Output,
    Run,
    Story,
    VersionRecord,
    event_of,
)

__all__ = [
    "NOBODY",
    "Frame",
    "Note",
    "Output",
    "Recorder",
    "Recording",
    "Run",
    "Span",
    "Story",
    "VersionRecord",
    "event_of",
]
