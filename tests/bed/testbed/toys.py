"""The toy models of the bed: two that say the alphabet, and one that embeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import embedder, tiny

if TYPE_CHECKING:
    from pathlib import Path

# A model that names no template gets one by its server: before 0.30 the bare prompt, later a chat template, whose
# last word is not the question's. By this one a toy answers the last letter of the question everywhere.
TEMPLATE = "{{ range .Messages }}{{ .Content }}{{ end }}"


def ensure(directory: Path) -> dict[str, Path]:
    """Write the files of all toys into the directory, unless they are there; return their paths by name."""
    return tiny.ensure(directory) | embedder.ensure(directory)
