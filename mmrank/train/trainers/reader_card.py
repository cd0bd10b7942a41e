"""The card of a reader's adapter: what it was made from, how, and what it brought."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def write_card(path: Path, config: Any, row: Mapping[str, Any], adapter: Path) -> None:
    """Write the card.

    Args:
        path: of the card.
        config: the recipe's settings.
        row: the arm's line of the table.
        adapter: its file.
    """
    settings = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=110)
    lines = [
        "# A reader of the first pages",
        "",
        f"- **Base model**: {config.base}{_weights(config.base)}.",
        f"- **Adapter**: {adapter.name}, {adapter.stat().st_size:,} bytes, SHA-256 {_hash(adapter)}.",
        f"- **Arm**: {row['arm']}; {row['tokens']:,} tokens and {row['seconds']:g} s over all folds.",
        f"- **Weight** beside retrieval's score: {row['weight']:.4g}, fitted out of fold.",
        f"- **Near misses** right, out of fold: {row['pairs']:.3f}.",
        "- **Command**: `mmrank train reader --config` with the settings below; the seed is that of each trainer.",
        "",
        "| questions | number | retrieval @1 | with the reader | change in points | won, lost |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    for kind, found in row["kinds"].items():
        lines.append(
            f"| {kind} pages | {found['questions']} | {found['retrieval']:.3f} | {found['fused']:.3f} |"
            f" {found['change']:+.1f} [{found['low']:+.1f}, {found['high']:+.1f}] |"
            f" {found['won']}, {found['lost']} |"
        )
    path.write_text("\n".join([*lines, "", "```yaml", settings.rstrip(), "```", ""]), encoding="utf-8")


def _weights(base: str) -> str:
    """The hashes of a folder's weights; of what the hub names there is nothing to add."""
    found = sorted(Path(base).glob("*.safetensors")) if Path(base).is_dir() else []
    return "".join(f", {file.name} SHA-256 {_hash(file)}" for file in found)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
