"""Rewards for reinforcement learning, as pure functions of a completion and its gold answer."""
