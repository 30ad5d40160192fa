"""Panes: live areas of a screen, each a view on the store, drawn line by line."""
