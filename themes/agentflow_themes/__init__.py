"""Themes: colours as data files, the shipped ones and the user's own."""

from agentflow_themes.contrast import contrast
from agentflow_themes.load import DEFAULT, SHIPPED, load_themes
from agentflow_themes.theme import COLORS, STATES, Theme

__all__ = ["COLORS", "DEFAULT", "SHIPPED", "STATES", "Theme", "contrast", "load_themes"]
