"""Processes in which foreign files are parsed and drawn, and what they may do."""
