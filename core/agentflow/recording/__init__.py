"""Recording: every event's story and a frame a second, on disk, to be looked at again.

``Recorder`` writes one beside a running engine, ``Recording`` reads one:

    Recording.open(path)   with ``versions``, ``stories(first, last)``, ``sessions()``,
                           ``session(id)``, ``frame(at)``, ``span``, ``event_of(story)``
"""

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
    "Run",
    "Story",
    "VersionRecord",
    "event_of",
]
