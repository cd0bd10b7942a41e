"""The sample collection, one document a module."""
