"""Losses as pure functions, one objective a file."""
