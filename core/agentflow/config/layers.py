"""One source of settings: a file, its overlay, the environment, or the command line.

Each layer is put into canonical keys on its own, so that another spelling in one layer still
wins over the usual one in the layer below, and so that every problem names its own source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentflow.config.positions import Path, Place, Positions, join_key
from agentflow.config.problems import Problem, Severity


class Layer:
    """Settings from one source, under canonical keys in ``data``.

    ``written`` maps a canonical path to the path that the source uses for it; ``names`` maps a
    written path to what people call it (the name of a variable).
    """

    def __init__(
        self,
        path: str,
        positions: Positions | None = None,
        names: Mapping[Path, str] | None = None,
    ) -> None:
        self.path = path
        self.positions = positions
        self.names = names or {}
        self.data: dict[str, Any] = {}
        self.written: dict[Path, Path] = {}
        self.problems: list[Problem] = []

    def problem(
        self,
        written: Path,
        message: str,
        suggestion: str = "",
        severity: Severity = "error",
    ) -> Problem:
        """A problem with what this source writes at ``written``.

        An item of a list is shown at its own place, under the key of the list.
        """
        place = self.positions.find(written) if self.positions else Place(0, 0)
        listed = bool(written) and isinstance(written[-1], int)
        key = self.names.get(written) or join_key(written[:-1] if listed else written)
        return Problem(self.path, *place, key, message, suggestion, severity)

    def written_path(self, canonical: Path) -> Path:
        """How this source writes ``canonical``; what lies below a written key counts too."""
        for length in range(len(canonical), 0, -1):
            if canonical[:length] in self.written:
                return self.written[canonical[:length]] + canonical[length:]
        return canonical


class Merged:
    """Layers laid over one another: the last one that says something about a key wins."""

    def __init__(self, layers: list[Layer]) -> None:
        self.layers = layers
        self.data: dict[str, Any] = {}
        self.problems = [problem for layer in layers for problem in layer.problems]
        self._owner: dict[Path, Layer] = {}
        for layer in layers:
            self._lay(layer, layer.data, self.data, ())

    def _lay(self, layer: Layer, over: dict[str, Any], under: dict[str, Any], at: Path) -> None:
        for key, value in over.items():
            path = (*at, key)
            self._owner[path] = layer
            if isinstance(value, dict):
                below = under.get(key)
                under[key] = dict(below) if isinstance(below, dict) else {}
                self._lay(layer, value, under[key], path)
            else:
                under[key] = value

    def report(
        self, canonical: Path, message: str, suggestion: str = "", severity: Severity = "error"
    ) -> None:
        """Notes a problem with the value at ``canonical``, at the place that set it."""
        self.problems.append(self._problem(canonical, message, suggestion, severity))

    def _problem(
        self, canonical: Path, message: str, suggestion: str, severity: Severity
    ) -> Problem:
        for length in range(len(canonical), 0, -1):
            if layer := self._owner.get(canonical[:length]):
                written = layer.written_path(canonical)
                return layer.problem(written, message, suggestion, severity)
        return self.layers[0].problem(canonical, message, suggestion, severity)
