"""Film: screenshots of the console, one after the other in one SVG that plays by itself."""

from __future__ import annotations

import re

_GAP = 0.001  # percent of the film between one picture's end and the next one's beginning
_ID = re.compile(r"terminal-\d+")
_FONTS = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)
_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


class Film:
    """Takes pictures with how long each is to be seen, and puts them together."""

    def __init__(self) -> None:
        self._pictures: list[tuple[str, float]] = []

    def take(self, svg: str, seconds: float) -> None:
        """Add a screenshot as Textual exports it."""
        self._pictures.append((_ID.sub(f"terminal-{len(self._pictures)}", svg), seconds))

    @property
    def first(self) -> str:
        """The first picture alone."""
        return self._pictures[0][0]

    def svg(self) -> str:
        """The film: it begins again at its end, and shows its first picture where nothing moves."""
        whole = sum(seconds for _, seconds in self._pictures)
        box = _BOX.search(self._pictures[0][0])
        assert box is not None
        style, pictures, at = [], [], 0.0
        for number, (svg, seconds) in enumerate(self._pictures):
            start, end = 100 * at / whole, 100 * (at + seconds) / whole
            at += seconds
            shown = ["0%{opacity:0}"] if start else ["0%{opacity:1}"]
            if start:
                shown += [f"{start - _GAP:.3f}%{{opacity:0}}", f"{start:.3f}%{{opacity:1}}"]
            if end < 100:
                shown += [f"{end - _GAP:.3f}%{{opacity:1}}", f"{end:.3f}%{{opacity:0}}"]
            shown.append("100%{opacity:1}" if end >= 100 else "100%{opacity:0}")
            style.append(f"@keyframes show{number}{{{''.join(shown)}}}")
            hidden = "opacity:0;" if number else ""
            style.append(f"#picture{number}{{{hidden}animation:show{number} {whole:g}s infinite}}")
            inner = _FONTS.sub("\n", svg) if number else svg
            pictures.append(f'<g id="picture{number}">{_nested(inner)}</g>')
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box[1]} {box[2]}">'
            f"<style>{''.join(style)}</style>{''.join(pictures)}</svg>\n"
        )


def _nested(svg: str) -> str:
    """A picture that can stand inside another one, without what is only there to be read."""
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", svg).strip()
