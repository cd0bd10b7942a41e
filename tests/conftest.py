"""Shared by all rooms: small vision-language models built from the real classes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import tiny_models
from tiny_models import Tiny


@pytest.fixture(scope="session")
def tiny_qwen2_5_vl() -> Tiny:
    return tiny_models.tiny_qwen2_5_vl()


@pytest.fixture(scope="session")
def tiny_qwen3_vl() -> Tiny:
    return tiny_models.tiny_qwen3_vl()


@pytest.fixture(scope="session")
def tiny_qwen2_vl() -> Tiny:
    return tiny_models.tiny_qwen2_vl()


@pytest.fixture(scope="session")
def tiny_colqwen2() -> Tiny:
    return tiny_models.tiny_colqwen2()


@pytest.fixture(scope="session")
def tiny_smolvlm() -> Tiny:
    return tiny_models.tiny_smolvlm()
