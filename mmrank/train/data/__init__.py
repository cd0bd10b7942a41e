"""Builders: labelled and unlabelled material into training examples."""
