"""Puts the keys that people write into the ones of the schema, and names those it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from agentflow.config.config import Config
from agentflow.config.layers import Layer
from agentflow.config.orchestration import LISTS_OF_MODE, OTHER_MODES
from agentflow.config.positions import Path, join_key
from agentflow.config.problems import did_you_mean
from agentflow.config.section import Section, Spelling
from agentflow.config.values import Milliseconds

Kind = tuple[str, type[Section]]
"""How a field holds tables: ``one``, ``by name`` or ``list``, and of which section."""


def canonicalise(raw: Mapping[str, Any], layer: Layer) -> Layer:
    """Fills ``layer`` from what its source says, and notes what it does not know there."""
    _Canonical(layer, layer.data, ()).table(dict(raw), Config, (), ())
    return layer


def kind_of(annotation: Any) -> Kind | None:
    """Whether, and how, a field of this type holds tables of the schema."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "one", annotation
    inner = next((kind for part in get_args(annotation) if (kind := kind_of(part))), None)
    if inner is None:
        return None
    return {dict: "by name", list: "list"}.get(get_origin(annotation), "one"), inner[1]


class _Canonical:
    """Fills ``data``, whose place in the whole is ``base``. Paths are relative to ``base``."""

    def __init__(self, layer: Layer, data: dict[str, Any], base: Path) -> None:
        self.layer = layer
        self.data = data
        self.base = base

    def table(self, raw: dict[str, Any], model: type[Section], at: Path, written: Path) -> None:
        """Takes over one table. The usual names go first, so that they win over others."""
        if at:
            self._table_at(at, written)
        for key in sorted(raw, key=lambda key: key not in model.model_fields):
            here = (*written, key)
            if target := self._target(key, raw, model):
                self._take(raw[key], target, model, at, here)
            elif key in model.unused or key in model.spellings:
                self._warn(here, "is not acted on", model.unused.get(key, ""))
            elif key == "agents" and "mode" in model.model_fields:
                self._warn(here, "is not acted on", "name the agents in the list of the mode")
            else:
                kind = "section" if not written and isinstance(raw[key], (dict, list)) else "key"
                known = [*model.model_fields, *model.spellings]
                self._warn(here, f"unknown {kind}, not acted on", did_you_mean(key, known))

    def _target(self, key: str, raw: dict[str, Any], model: type[Section]) -> Spelling | None:
        """Where a key leads; None when the engine does not act on it."""
        if key in model.model_fields:
            return Spelling((key,))
        if key == "agents" and "mode" in model.model_fields:
            mode = str(raw.get("mode", "")).strip().lower()
            keys = LISTS_OF_MODE.get(OTHER_MODES.get(mode, mode), ())
            return Spelling(keys) if len(keys) == 1 else None
        if model is Config and isinstance(raw[key], (dict, list)):
            return None
        return model.spellings.get(key)

    def _take(
        self, value: Any, target: Spelling, model: type[Section], at: Path, here: Path
    ) -> None:
        path = (*at, *target.path)
        usual = here[-1] == target.path[-1] and len(target.path) == 1
        if not usual and self._get(path) is not None:
            first = join_key(self.layer.written.get(self.base + path, path))
            self._warn(here, f"says the same as {first}, which is used", f"remove {here[-1]}")
            return
        if model is Config and not usual:
            self._warn(here, "belongs in a table", f"write it as {join_key(target.path)}")
        for key in target.path[:-1]:
            at = (*at, key)
            if not isinstance(self._table_at(at, here), dict):
                return
            if kind := kind_of(model.model_fields[key].annotation):
                model = kind[1]
        if target.milliseconds:
            value = Milliseconds(value)
        elif target.path[-1] == "loop_agent" and isinstance(value, list) and len(value) == 1:
            value = value[0]
        self._field(value, kind_of(model.model_fields[target.path[-1]].annotation), path, here)

    def _field(self, value: Any, kind: Kind | None, at: Path, here: Path) -> None:
        """Puts ``value`` at ``at``, going on into tables of the schema."""
        if kind and kind[0] == "list" and isinstance(value, list):
            self._put(
                at,
                here,
                [self._item(item, kind[1], (*at, i), (*here, i)) for i, item in enumerate(value)],
            )
        elif not kind or not isinstance(value, dict):
            self._put(at, here, value)
        elif kind[0] == "one":
            self.table(value, kind[1], at, here)
        else:
            self._put(at, here, {})
            for name, below in value.items():
                self._field(below, ("one", kind[1]), (*at, name), (*here, name))

    def _item(self, item: Any, model: type[Section], at: Path, here: Path) -> Any:
        """One table in an array of tables."""
        if not isinstance(item, dict):
            return item
        inner = _Canonical(self.layer, {}, self.base + at)
        inner.table(item, model, (), here)
        return inner.data

    def _table_at(self, at: Path, here: Path) -> Any:
        """The table at ``at``, made when there is nothing; what is there instead, otherwise."""
        if self._get(at) is None:
            self._put(at, here, {})
        return self._get(at)

    def _get(self, path: Path) -> Any:
        value: Any = self.data
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def _put(self, at: Path, here: Path, value: Any) -> None:
        table = self._get(at[:-1])
        if isinstance(table, dict):
            table[at[-1]] = value
            self.layer.written[self.base + at] = here

    def _warn(self, here: Path, message: str, suggestion: str = "") -> None:
        self.layer.problems.append(self.layer.problem(here, message, suggestion, "warning"))
