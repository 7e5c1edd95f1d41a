# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model as a person wants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, FrozenSet, Mapping, Optional, Tuple

from ..api.names import ModelName


@dataclass(frozen=True)
class ModelSpec:
    """What an entry sets of one model. None is not set; an empty value clears what a base has.

    ``files`` and ``adapters`` are paths by the names that the server gets. ``keep_alive`` is in
    seconds, and infinite for "forever". ``dropped`` are parameters of the base to leave out.
    ``notes`` are sentences to warn with.
    """

    name: ModelName
    latest: bool = False
    digest: Optional[str] = None
    base: Optional[ModelName] = None
    files: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, str] = field(default_factory=dict)
    system: Optional[str] = None
    template: Optional[str] = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    dropped: FrozenSet[str] = frozenset()
    messages: Optional[Tuple[Mapping[str, str], ...]] = None
    license: Optional[Tuple[str, ...]] = None
    quantize: Optional[str] = None
    requires: Optional[str] = None
    renderer: Optional[str] = None
    parser: Optional[str] = None
    source: Optional[ModelName] = None
    mirror: Optional[str] = None
    insecure: bool = False
    loaded: Optional[bool] = None
    keep_alive: Optional[float] = None
    stall_timeout: float = 90.0
    retries: int = 3
    notes: Tuple[str, ...] = ()

    @property
    def created(self) -> bool:
        """Whether the model is made on the server (else it is pulled or copied)."""
        return self.base is not None or bool(self.files)

    @property
    def pulled(self) -> bool:
        """Whether the model comes from a registry."""
        return not self.created and self.source is None

    @property
    def origin(self) -> Optional[ModelName]:
        """The model on the server that this one is made from or a copy of."""
        return self.base or self.source

    def on_mirror(self, name: ModelName) -> ModelName:
        """Return a name as the desired mirror has it."""
        return ModelName(self.mirror, name.namespace, name.model, name.tag) if self.mirror else name
