"""From files, folders and contents to documents in a store."""

from mmrank.adding.report import AddReport

__all__ = ["AddReport"]
