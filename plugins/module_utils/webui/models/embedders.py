# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that only embed: they are switched off, so that nobody can choose them for a chat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ...engine.converge import Desired, Outcome, converge
from ...engine.errors import Failure
from ..api.client import Client
from ..settings.embedding import EMBEDDING
from .resource import Models
from .spec import ModelSpec

MARK = "selfhosted_llm"
"""The key in a model's ``meta`` that marks it as switched off by this module."""
CHAT = "completion"
ASK = "read what the models can do"

Record = Mapping[str, Any]


def with_embedders(
    client: Client, all_desired: Sequence[Desired[ModelSpec]], records: Sequence[Record], hide: bool
) -> List[Desired[ModelSpec]]:
    """Return the desired models, and one for each model that only embeds and that nobody else configured.

    Without ``hide``, or if a model can chat by now, switch those on again that this module switched off.
    """
    rows = {str(record["id"]): record for record in records}
    ours = {model_id for model_id, record in rows.items() if _is_ours(record)}
    listed = {desired.name for desired in all_desired}
    able = _capabilities(client, rows.keys() - ours) if hide else {}
    embedders = {model_id for model_id, can in able.items() if EMBEDDING in can and CHAT not in can}
    # A model that no server offers right now may return with its server.
    back = {model_id for model_id in ours if not hide or (model_id in able and model_id not in embedders)}
    off = ModelSpec(active=False, meta={MARK: EMBEDDING})
    return [
        *(_switched_on(desired) if desired.name in ours and desired.present else desired for desired in all_desired),
        *(Desired(model_id, spec=off) for model_id in sorted(embedders - listed - (rows.keys() - ours))),
        *(Desired(model_id, ModelSpec(), present=False) for model_id in sorted(back - listed)),
    ]


def converge_models(
    client: Client,
    all_desired: Sequence[Desired[ModelSpec]],
    hide: Optional[bool],
    *,
    check_mode: bool,
    purge: bool,
    workers: int,
) -> Outcome:
    """Converge the models; ``hide`` switches off those that only embed, None leaves them alone."""
    models = Models(client)
    if hide is not None:
        all_desired = with_embedders(client, all_desired, models.rows(), hide)
    return converge(models, all_desired, check_mode=check_mode, purge=purge, workers=workers)


def _switched_on(desired: Desired[ModelSpec]) -> Desired[ModelSpec]:
    """Return a listed model that this module switched off, active unless the task sets otherwise."""
    spec = desired.spec
    return replace(desired, spec=replace(spec, active=True)) if spec.active is None else desired


def _is_ours(record: Record) -> bool:
    return not record.get("base_model_id") and (record.get("meta") or {}).get(MARK) == EMBEDDING


def _capabilities(client: Client, known: Any) -> Dict[str, Sequence[str]]:
    """Return what the models of the Ollama connections can do, as far as that is reported.

    Older Ollama reports it for one model at a time; those in ``known``, for which a person has set something, are left
    out there.
    """
    try:
        rows = client.get_mapping("/ollama/api/tags", ASK).get("models") or []
    except Failure:
        # The connections to Ollama are switched off, or none of them answers.
        return {}
    found: Dict[str, Sequence[str]] = {}
    for row in rows:
        model_id, can = str(row.get("model")), row.get("capabilities")
        if can is None and model_id not in known:
            can = _shown_capabilities(client, model_id)
        if isinstance(can, list) and can:
            found[model_id] = can
    return found


def _shown_capabilities(client: Client, model_id: str) -> Any:
    try:
        return client.post("/ollama/api/show", ASK, json={"model": model_id}, reads=True).get("capabilities")
    except Failure:
        # It was removed, or its server went down, since it was listed.
        return None
