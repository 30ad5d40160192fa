"""Colour themes of the console: each one a TOML file in this folder."""
