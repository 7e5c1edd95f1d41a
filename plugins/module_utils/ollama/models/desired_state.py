# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state of each model: what the server will show once all entries are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, List, Mapping, Optional, Sequence, Set

from ...engine.errors import Failure
from ..api.client import Client
from ..api.names import Key, ModelName
from ..current import content
from ..current.content import State
from ..current.registry_check import ServedManifests
from ..current.snapshot import Snapshot
from ..entries.conflicts import AllDesired
from ..entries.spec import ModelSpec
from .uploads import Files
from .version_check import refuse_newer

if TYPE_CHECKING:
    from ..api.registry import Manifest
    from ..current.origin import Source
    from ..gguf.file import GgufFile
    from ..gguf.weights import Weights
    from ..state_file import StateFile

# What the server quantizes; BF16 from 0.30.0 on.
QUANTIZABLE = ("F16", "F32", "BF16")

# A host compiles a module again for each task, so what only some tasks need is imported where they need it.


class DesiredStates:
    """The wanted state of models, of pulled ones by what registries serve, of made ones by what they are made from."""

    def __init__(
        self,
        client: Client,
        all_desired: AllDesired,
        served: ServedManifests,
        state_file: Callable[[], StateFile],
    ) -> None:
        self._client = client
        self.all_desired = all_desired
        self._served = served
        self._state_file = state_file
        self._snapshot = Snapshot()
        self._wanted: Dict[Key, State] = {}
        self.files = Files(state_file)
        # The models of which only another create can tell.
        self.unproven: Set[Key] = set()
        self.warnings: List[str] = list(dict.fromkeys(note for spec in self._specs() for note in spec.notes))

    @property
    def snapshot(self) -> Snapshot:
        """What the server had when it was read last."""
        return self._snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._wanted = {}
        self.unproven = set()

    @property
    def listed(self) -> Mapping[Key, State]:
        """The models that are whole, with the content of those that matter."""
        return self._snapshot.listed

    # --- what must be asked of registries

    def ask_registries(self) -> None:
        """Fetch all manifests that decide something, at once."""
        asked = (spec for spec in self._specs() if self._depends_on_registry(spec))
        self._served.ask((spec.on_mirror(spec.name), spec.insecure) for spec in asked)

    def _specs(self) -> List[ModelSpec]:
        return [desired.spec for desired in self.all_desired.values() if desired.present]

    def _depends_on_registry(self, spec: ModelSpec) -> bool:
        if spec.digest is None:
            return spec.latest
        present = self.listed.get(spec.name.key)
        return present is None or not self.is_pinned(spec, present)

    # --- what is wanted

    def wanted(self, spec: ModelSpec) -> State:
        """Return the fields of a model that its entry sets, or that follow from it."""
        # From the first origin on, so that a long chain of models needs no deep calls.
        for one in reversed(self.chain(spec)):
            if one.name.key not in self._wanted:
                self._wanted[one.name.key] = self._fields(one, self.listed.get(one.name.key))
        return self._wanted[spec.name.key]

    def chain(self, spec: ModelSpec) -> List[ModelSpec]:
        """Return a model and all desired ones that it comes from, which circle nowhere."""
        chain = [spec]
        while True:
            origin = chain[-1].origin
            desired = self.all_desired.get(origin.key) if origin else None
            if desired is None or not desired.present:
                return chain
            chain.append(desired.spec)

    def _fields(self, spec: ModelSpec, current: Optional[Mapping[str, Any]]) -> State:
        wanted: State = {"name": spec.name.display}
        if spec.latest or spec.digest:
            wanted["digest"] = self._pulled_digest(spec, current)
        if spec.source:
            wanted["digest"] = self._digest_of_source(spec.source, current)
        if spec.base:
            wanted.update(self._made_from_base(spec, spec.base, current))
        elif spec.files:
            wanted.update(self._made_from_files(spec, current))
        if spec.loaded is not None:
            from ..current.running import wanted_state

            wanted.update(wanted_state(spec))
        return wanted

    def _pulled_digest(self, spec: ModelSpec, current: Optional[Mapping[str, Any]]) -> str:
        """Return the present digest where it is as desired, else the one that a pull would bring."""
        if spec.digest and current is not None and self.is_pinned(spec, current):
            return str(current["digest"])
        manifest = self._pinned(spec) if spec.digest else self._manifest(spec)
        if manifest is None:
            return str(spec.digest)
        if current is not None and self._served.is_served(current, manifest):
            return str(current["digest"])
        return self._served.digest(manifest)

    def _manifest(self, spec: ModelSpec) -> Manifest:
        return self._served.manifest(spec.on_mirror(spec.name), spec.insecure)

    def _pinned(self, spec: ModelSpec) -> Optional[Manifest]:
        """Return the manifest that a pin names; raise Failure where the registry serves another."""
        from ..api.registry import Unserved

        answer = self._served.answer(spec.on_mirror(spec.name), spec.insecure)
        if isinstance(answer, Unserved):
            self.warn(
                f"The digest of {spec.name.display} was not checked before its pull, because {answer.reason}. "
                f"It is checked after it."
            )
            return None
        if not _names(spec, answer.digests):
            raise Failure(
                f"The model {spec.name.display} is pinned to the digest {spec.digest}, but the registry serves "
                f"{self._served.digest(answer)[: len(str(spec.digest))]}; pin that, or leave digest out."
            )
        return answer

    def is_pinned(self, spec: ModelSpec, listed: Mapping[str, Any]) -> bool:
        """Tell whether a listed model is the pinned one, by its digest or by one that it was served under."""
        digest = str(listed.get("digest"))
        if digest.startswith(str(spec.digest)):
            return True
        noted = self._state_file().recall(self._client.url, digest) or {}
        return _names(spec, noted.get("served_as", ()))

    def verify_pin(self, spec: ModelSpec, listed: Mapping[str, Any]) -> bool:
        """Tell whether a model that was just pulled is the pinned one, and note it where its digest does not say so.

        A server before 0.19.0 encodes manifests again and lists another digest than the registry serves.
        """
        from ..api.registry import Unserved

        if self.is_pinned(spec, listed):
            return True
        there = spec.on_mirror(spec.name)
        if self._served.known(there) is None:
            self._served.forget(there)
        answer = self._served.answer(there, spec.insecure)
        if (
            isinstance(answer, Unserved)
            or not _names(spec, answer.digests)
            or not self._served.is_served(listed, answer)
        ):
            return False
        served_as = {"served_as": sorted(answer.digests)}
        self._state_file().amend(self._client.url, str(listed["digest"]), lambda old: {**old, **served_as})
        return True

    def warn(self, sentence: str) -> None:
        """Note what a person should know, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def _digest_of_source(self, source: ModelName, current: Optional[Mapping[str, Any]]) -> str:
        listed, desired = self.listed.get(source.key), self.all_desired.get(source.key)
        if desired is None or not desired.present:
            if self.pulled_for(source):
                return f"that of {source.display} as it will be"
            if listed is None and current is None:
                raise Failure(
                    f"The source {source.display} is not on the server; list it in an entry of its own, "
                    f"or name a model that is there."
                )
            # A source that is gone cannot be compared, as after a model was renamed.
            return str((listed or current or {})["digest"])
        wanted = self.wanted(desired.spec)
        if listed is not None and self._is_as(listed, wanted):
            return str(listed["digest"])
        return str(wanted.get("digest") or f"that of {source.display} as it will be")

    def _is_as(self, current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        return all(
            same(name, current.get(name), value)
            for name, value in wanted.items()
            if name not in ("loaded", "keep_alive")
        )

    # --- made from a model

    def _made_from_base(self, spec: ModelSpec, base: ModelName, current: Optional[Mapping[str, Any]]) -> State:
        foreseen = self.foreseen(base)
        if foreseen is None:
            made = self._said_of(spec, current)
            # Between here and what must be pulled there are copies only.
            pulled_for = self.pulled_for(self.chain(spec)[-1].origin or base)
            if current is not None and pulled_for and spec not in pulled_for:
                # It comes for others, and nobody knows before whether this one is made of it.
                made["made_from" if spec.quantize else "weights"] = [f"those of {base.display} as it will be"]
        else:
            self._refuse_to_quantize_again(spec, base, foreseen)
            made = content.made_from_base(spec, foreseen, self._adapters(spec))
            made = self._by_weights(spec, base, made, current, bool(content.cleared(spec, foreseen)))
        refuse_newer(self._client, spec)
        if current is not None:
            return made
        return {"base": base.display, **({} if foreseen else {"base_pulled": True}), **made}

    def _said_of(self, spec: ModelSpec, current: Optional[Mapping[str, Any]]) -> State:
        """Return what the options alone ask for, where the base is not there."""
        said = content.options_only(spec, current or {}, self._adapters(spec))
        return {**said, "quantization": spec.quantize} if spec.quantize else said

    def pulled_for(self, base: ModelName) -> List[ModelSpec]:
        """Return the models for which a base that is neither there nor listed must be pulled.

        One that is there, and of which the options ask for nothing else, stays as it is without its base.
        """
        if base.key in self.listed or base.key in self.all_desired:
            return []
        found = []
        for spec in self._specs():
            if spec.base is not None and spec.base.key == base.key:
                present = self.listed.get(spec.name.key)
                if present is None or not self._is_as(present, self._said_of(spec, present)):
                    found.append(spec)
        return found

    def _refuse_to_quantize_again(self, spec: ModelSpec, base: ModelName, foreseen: Mapping[str, Any]) -> None:
        level = str(foreseen.get("quantization") or "")
        if spec.quantize and level and level.upper() not in (*QUANTIZABLE, spec.quantize):
            raise Failure(
                f"The model {spec.name.display} cannot be quantized to {spec.quantize}, because its base "
                f"{base.display} is {level}, and only {', '.join(QUANTIZABLE)} can be; take a base of one of these."
            )

    def _adapters(self, spec: ModelSpec) -> List[str]:
        return [file.digest for file in self.files.adapters(spec).values()]

    def _by_weights(
        self, spec: ModelSpec, base: ModelName, made: State, current: Optional[Mapping[str, Any]], clean: bool
    ) -> State:
        """Compare by the weights where the server keeps their digest, else by what is known of them."""
        weights = made.pop("weights")
        if not weights:
            # A base that is no GGUF file names no digests, so there is nothing to tell it from another.
            return made
        source, shown = _source(spec, weights), self.shown(base)
        if spec.quantize or (clean and self._client.features.rewrites_uploads):
            return {**self._by_origin(spec, source, shown, current), **made}
        return {"weights": self._kept_weights(spec, source, shown, current) if clean else weights, **made}

    def shown(self, name: ModelName) -> Optional[Weights]:
        """Return what the server shows of a listed model's weights, if that was read."""
        return self._snapshot.evidence[name.key].shown if name.key in self._snapshot.evidence else None

    def _by_origin(
        self, spec: ModelSpec, source: Source, shown: Optional[Weights], current: Optional[Mapping[str, Any]]
    ) -> State:
        """Return the level and the origin of a model whose weights the server writes itself."""
        from ..current.origin import OTHER, UNKNOWN, Evidence, Wanted, has_level, judge

        wanted = Wanted(source, shown)
        level: State = {"quantization": wanted.level} if wanted.level else {}
        if current is None:
            return {**level, "made_from": wanted.files}
        evidence = self._snapshot.evidence.get(spec.name.key, Evidence())
        if has_level(evidence, wanted, str(current.get("quantization") or "")):
            level = {"quantization": current.get("quantization")}
        verdict = judge(evidence, wanted, current.get("weights") or ())
        if verdict == UNKNOWN:
            self.unproven.add(spec.name.key)
        return {**level, "made_from": wanted.files if verdict == OTHER else current.get("made_from")}

    def foreseen(self, base: ModelName) -> Optional[State]:
        """Return a base's content as it will be when its own entry is done; None where it must be pulled first."""
        while True:
            present, desired = self.listed.get(base.key), self.all_desired.get(base.key)
            if desired is None or not desired.present:
                return dict(present) if present is not None else None
            spec = desired.spec
            wanted = self.wanted(spec)
            if present is not None and self._is_as(present, wanted):
                return dict(present)
            if spec.source is None:
                break
            base = spec.source
        after = {**content.BLANK, **(present or {}), **wanted}
        if "weights" not in wanted and not self._keeps_weights(present, wanted):
            # Nobody knows before it is there, but it will not be what it is made from now.
            after["weights"] = [f"those of {base.display} as it will be"]
        return after

    def _keeps_weights(self, current: Optional[Mapping[str, Any]], wanted: Mapping[str, Any]) -> bool:
        """Tell whether a model that is created again will have the same weights, as far as is noted."""
        if current is None or "made_from" not in wanted or current.get("made_from") is None:
            return False
        return self._is_as(current, {name: wanted[name] for name in ("made_from", "quantization") if name in wanted})

    # --- made from files

    def _made_from_files(self, spec: ModelSpec, current: Optional[Mapping[str, Any]]) -> State:
        refuse_newer(self._client, spec)
        files = self.files.weights(spec)
        self._refuse_several(spec, files)
        rewrites = self._client.features.rewrites_uploads
        automatic = rewrites or any(file.has_chat_template for file in files.values())
        made = content.made_from_files(spec, self._adapters(spec), automatic, current or {})
        (shown,) = [file.weights for file in files.values() if not file.projector]
        source = _source(spec, [file.digest for file in files.values()])
        if spec.quantize or rewrites:
            return {**self._by_origin(spec, source, shown, current), **made}
        return {"weights": self._kept_weights(spec, source, shown, current), **made}

    def _kept_weights(
        self, spec: ModelSpec, source: Source, shown: Optional[Weights], current: Optional[Mapping[str, Any]]
    ) -> List[str]:
        """Return the weights that a server has of files that it keeps as they are.

        Where a newer server wrote them again, and this one came after it, they are what they are noted as.
        """
        from ..current.origin import SAME, Evidence, Wanted, has_level, judge

        wanted = Wanted(source, shown)
        evidence = self._snapshot.evidence.get(spec.name.key, Evidence())
        there = list((current or {}).get("weights") or ())
        same = there and judge(evidence, wanted, there) == SAME and has_level(evidence, wanted, "")
        return there if same else wanted.files

    def _refuse_several(self, spec: ModelSpec, files: Mapping[str, GgufFile]) -> None:
        weights = [file.path for file in files.values() if not file.projector]
        if len(weights) != 1:
            what = (
                f"has the files {' and '.join(weights)}, which are models of their own" if weights else "has no weights"
            )
            raise Failure(
                f"The model {spec.name.display} {what}; give the file of one model, or one of its shards, and at most "
                f"a projector besides."
            )


def _source(spec: ModelSpec, files: Sequence[str]) -> Source:
    from ..current.origin import Source

    return Source(tuple(sorted(files)), (spec.quantize or "").upper())


def _names(spec: ModelSpec, digests: Collection[str]) -> bool:
    """Tell whether one of a model's digests is the one that it is pinned to."""
    return any(digest.startswith(str(spec.digest)) for digest in digests)


def same(name: str, current: Any, wanted: Any) -> bool:
    """Tell whether one field of a model is as wanted."""
    if name in ("name", "base", "base_pulled"):
        return True
    if name == "digest":
        # Only a pin that could not be looked up is shorter.
        return str(current or "").startswith(str(wanted))
    return content.same(name, current, wanted)
