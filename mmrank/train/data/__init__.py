"""Builders: training examples from labelled and unlabelled documents."""
