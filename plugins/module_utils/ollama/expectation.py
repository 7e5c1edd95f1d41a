# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server will show of each model once all wishes are done, told before anything is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, Iterable, List, Mapping, Optional, Tuple

from ..converge import Wish
from ..errors import Failure
from . import content
from .client import Client
from .content import State
from .drift import Served
from .names import Key, ModelName
from .spec import ModelSpec, spec_of

if TYPE_CHECKING:
    from .gguf import GgufFile
    from .ledger import Ledger
    from .registry import Manifest

# What the server quantizes; BF16 from 0.30.0 on.
QUANTIZABLE = ("F16", "F32", "BF16")

# A host compiles a module anew for each task, so what only some wishes need is imported where they need it.


class Expectation:
    """The wanted state of models, of pulled ones by what registries serve, of made ones by what they are made from."""

    def __init__(
        self, client: Client, wishes: Mapping[Key, Wish], served: Served, ledger: Callable[[], Ledger]
    ) -> None:
        self._client = client
        self.wishes = wishes
        self._served = served
        self._ledger = ledger
        self._inspected: Dict[Tuple[str, str], GgufFile] = {}
        self._listed: Mapping[Key, State] = {}
        self._wanted: Dict[Key, State] = {}
        self.warnings: List[str] = list(dict.fromkeys(note for spec in self._specs() for note in spec.notes))

    @property
    def listed(self) -> Mapping[Key, State]:
        """The models that are whole, with the content of those that matter, as they were read last."""
        return self._listed

    @listed.setter
    def listed(self, listed: Mapping[Key, State]) -> None:
        self._listed = listed
        self._wanted = {}

    # --- what must be asked of registries

    def ask_registries(self) -> None:
        """Fetch all manifests that decide something, at once."""
        asked = (spec for spec in self._specs() if self._depends_on_registry(spec))
        self._served.ask((spec.on_mirror(spec.name), spec.insecure) for spec in asked)

    def _specs(self) -> List[ModelSpec]:
        return [spec_of(wish) for wish in self.wishes.values() if wish.present]

    def _depends_on_registry(self, spec: ModelSpec) -> bool:
        if spec.digest is None:
            return spec.latest
        present = self.listed.get(spec.name.key)
        return present is None or not self.is_pinned(spec, present)

    # --- what is wanted

    def wanted(self, spec: ModelSpec) -> State:
        """Return the fields of a model that were said or follow from what was said."""
        # From the first origin on, so that a long road of models needs no deep calls.
        for one in reversed(self._road(spec)):
            if one.name.key not in self._wanted:
                self._wanted[one.name.key] = self._fields(one, self.listed.get(one.name.key))
        return self._wanted[spec.name.key]

    def _road(self, spec: ModelSpec) -> List[ModelSpec]:
        """Return a model and all wished ones that it comes from, which circle nowhere."""
        road = [spec]
        while True:
            origin = road[-1].origin
            wish = self.wishes.get(origin.key) if origin else None
            if wish is None or not wish.present:
                return road
            road.append(spec_of(wish))

    def _fields(self, spec: ModelSpec, present: Optional[Mapping[str, Any]]) -> State:
        wanted: State = {"name": spec.name.display}
        if spec.latest or spec.digest:
            wanted["digest"] = self._pulled_digest(spec, present)
        if spec.source:
            wanted["digest"] = self._digest_of_source(spec.source, present)
        if spec.base:
            wanted.update(self._made_from_base(spec, spec.base, present))
        elif spec.files:
            wanted.update(self._made_from_files(spec, present or {}))
        if spec.loaded is not None:
            from .running import wanted_state

            wanted.update(wanted_state(spec))
        return wanted

    def _pulled_digest(self, spec: ModelSpec, present: Optional[Mapping[str, Any]]) -> str:
        """Return the present digest where it is as wished, else the one that a pull would bring."""
        if spec.digest and present is not None and self.is_pinned(spec, present):
            return str(present["digest"])
        manifest = self._pinned(spec) if spec.digest else self._manifest(spec)
        if manifest is None:
            return str(spec.digest)
        if present is not None and self._served.is_same(present, manifest):
            return str(present["digest"])
        return self._served.digest(manifest)

    def _manifest(self, spec: ModelSpec) -> Manifest:
        return self._served.manifest(spec.on_mirror(spec.name), spec.insecure)

    def _pinned(self, spec: ModelSpec) -> Optional[Manifest]:
        """Return the manifest that a pin names; raise Failure where the registry serves another."""
        from .registry import Unserved

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
        noted = self._ledger().recall(self._client.url, digest) or {}
        return _names(spec, noted.get("served_as", ()))

    def prove_pin(self, spec: ModelSpec, listed: Mapping[str, Any]) -> bool:
        """Tell whether a model that was just pulled is the pinned one, and note it where its digest does not say so.

        A server before 0.19.0 spells manifests anew, and lists another digest than the registry serves.
        """
        from .registry import Unserved

        if self.is_pinned(spec, listed):
            return True
        there = spec.on_mirror(spec.name)
        if self._served.known(there) is None:
            self._served.forget(there)
        answer = self._served.answer(there, spec.insecure)
        if isinstance(answer, Unserved) or not _names(spec, answer.digests) or not self._served.is_same(listed, answer):
            return False
        self._ledger().remember(self._client.url, str(listed["digest"]), {"served_as": sorted(answer.digests)})
        return True

    def warn(self, sentence: str) -> None:
        """Note what a person should know, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def _digest_of_source(self, source: ModelName, present: Optional[Mapping[str, Any]]) -> str:
        listed, wish = self.listed.get(source.key), self.wishes.get(source.key)
        if wish is None or not wish.present:
            if self.bringing(source):
                return f"that of {source.display} as it will be"
            if listed is None and present is None:
                raise Failure(
                    f"The source {source.display} is not on the server; list it in an entry of its own, "
                    f"or name a model that is there."
                )
            # A source that is gone tells nothing, as after a model was renamed.
            return str((listed or present or {})["digest"])
        wanted = self.wanted(spec_of(wish))
        if listed is not None and self._is_as(listed, wanted):
            return str(listed["digest"])
        return str(wanted.get("digest") or f"that of {source.display} as it will be")

    def _is_as(self, present: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        return all(
            same(name, present.get(name), value)
            for name, value in wanted.items()
            if name not in ("loaded", "keep_alive")
        )

    # --- made from a model

    def _made_from_base(self, spec: ModelSpec, base: ModelName, present: Optional[Mapping[str, Any]]) -> State:
        foreseen = self.foreseen(base)
        if foreseen is None:
            made = self._said_of(spec, present)
            # Between here and what must be pulled there are copies only.
            bringing = self.bringing(self._road(spec)[-1].origin or base)
            if present is not None and bringing and spec not in bringing:
                # It comes for others, and nobody knows before whether this one is made of it.
                made["made_from" if spec.quantize else "weights"] = [f"those of {base.display} as it will be"]
        else:
            self._refuse_to_quantize_again(spec, base, foreseen)
            adapters = [file.digest for file in self.adapters(spec).values()]
            made = content.made_from_base(spec, foreseen, adapters)
            made = self._by_weights(spec, made, bool(content.cleared(spec, foreseen)))
        self._refuse_what_is_too_new(spec)
        if present is not None:
            return made
        return {"base": base.display, **({} if foreseen else {"base_pulled": True}), **made}

    def _said_of(self, spec: ModelSpec, present: Optional[Mapping[str, Any]]) -> State:
        """Return what the options alone ask for, where the base is not there."""
        adapters = [file.digest for file in self.adapters(spec).values()]
        said = content.said_only(spec, present or {}, adapters)
        return {**said, "quantization": spec.quantize} if spec.quantize else said

    def bringing(self, base: ModelName) -> List[ModelSpec]:
        """Return the models for which a base that is neither there nor listed must be pulled.

        One that is there, and of which the options ask for nothing else, stays as it is without its base.
        """
        if base.key in self.listed or base.key in self.wishes:
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

    def _by_weights(self, spec: ModelSpec, made: State, clean: bool) -> State:
        """Compare by the weights where the server keeps their digest, else by what is noted of them."""
        weights = made.pop("weights")
        if not weights:
            # A base that is no GGUF file names no digests, so there is nothing to tell it from another.
            return made
        if spec.quantize:
            return {"quantization": spec.quantize, "made_from": weights, **made}
        if clean and self._client.rewrites_uploads:
            return {"made_from": weights, **made}
        return {"weights": weights, **made}

    def foreseen(self, base: ModelName) -> Optional[State]:
        """Return a base's content as it will be when its own wish is done; None where it must be pulled first."""
        while True:
            present, wish = self.listed.get(base.key), self.wishes.get(base.key)
            if wish is None or not wish.present:
                return dict(present) if present is not None else None
            spec = spec_of(wish)
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

    def _keeps_weights(self, present: Optional[Mapping[str, Any]], wanted: Mapping[str, Any]) -> bool:
        """Tell whether a model that is made anew will have the weights that it has, as far as is noted."""
        if present is None or "made_from" not in wanted or present.get("made_from") is None:
            return False
        return self._is_as(present, {name: wanted[name] for name in ("made_from", "quantization") if name in wanted})

    # --- made from files

    def _made_from_files(self, spec: ModelSpec, present: Mapping[str, Any]) -> State:
        self._refuse_what_is_too_new(spec)
        files = self.files(spec)
        self._refuse_several(spec, files)
        rewrites = self._client.rewrites_uploads
        adapters = [file.digest for file in self.adapters(spec).values()]
        automatic = rewrites or any(file.has_chat_template for file in files.values())
        made = content.made_from_files(spec, adapters, automatic, present)
        digests = sorted(file.digest for file in files.values())
        if spec.quantize:
            return {"quantization": spec.quantize, "made_from": digests, **made}
        return {"made_from" if rewrites else "weights": digests, **made}

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

    def read_files(self) -> None:
        """Read all files that models are made of, several at a time, and what is wrong with one is told."""
        self._inspect(
            (path, spec.name.display, kind)
            for spec in self._specs()
            for kind, paths in (("model", spec.files), ("adapter", spec.adapters))
            for path in paths.values()
        )

    def files(self, spec: ModelSpec) -> Dict[str, GgufFile]:
        """Return the files of a model by the names that the server gets, each read once in a run."""
        return self._by_name(spec, spec.files, "model")

    def adapters(self, spec: ModelSpec) -> Dict[str, GgufFile]:
        """Return the adapters of a model by the names that the server gets, each read once in a run."""
        return self._by_name(spec, spec.adapters, "adapter")

    def _by_name(self, spec: ModelSpec, paths: Mapping[str, str], kind: str) -> Dict[str, GgufFile]:
        self._inspect((path, spec.name.display, kind) for path in paths.values())
        named: Dict[str, GgufFile] = {}
        for name, path in paths.items():
            file = self._inspected[path, kind]
            # The shards of a file are one file to the server, whichever of them were named.
            if file.digest not in [known.digest for known in named.values()]:
                named[file.name if file.sharded and name == os.path.basename(path) else name] = file
        return named

    def _inspect(self, wanted: Iterable[Tuple[str, str, str]]) -> None:
        missing = [one for one in wanted if (one[0], one[2]) not in self._inspected]
        if not missing:
            return
        from . import gguf

        for one, file in zip(missing, gguf.inspect_all(missing, self._ledger())):
            self._inspected[one[0], one[2]] = file

    def _refuse_what_is_too_new(self, spec: ModelSpec) -> None:
        """Refuse what the server would take without a word, and drop."""
        if spec.requires and not self._client.is_at_least(spec.requires):
            raise Failure(
                f"The model {spec.name.display} requires Ollama {spec.requires}, and the server is "
                f"{self._client.version}; upgrade it first."
            )
        if spec.requires and not self._client.keeps_requires:
            raise Failure(
                f"The model {spec.name.display} says what it requires, which Ollama keeps from 0.14.0 on, and the "
                f"server is {self._client.version}; upgrade it first, or leave REQUIRES out."
            )
        named = [name for name in ("renderer", "parser") if getattr(spec, name)]
        if named and not self._client.has_renderers:
            raise Failure(
                f"The model {spec.name.display} names a {named[0]}, which Ollama knows from 0.12.0 on, and the server "
                f"is {self._client.version}; upgrade it first."
            )
        if named:
            from .renderers import refuse_unknown

            refuse_unknown(spec, self._client.version)


def _names(spec: ModelSpec, digests: Collection[str]) -> bool:
    """Tell whether one of a model's digests is the one that it is pinned to."""
    return any(digest.startswith(str(spec.digest)) for digest in digests)


def same(name: str, present: Any, wanted: Any) -> bool:
    """Tell whether one field of a model is as wanted."""
    if name in ("name", "base", "base_pulled"):
        return True
    if name == "digest":
        # Only a pin that could not be looked up is shorter.
        return str(present or "").startswith(str(wanted))
    return content.same(name, present, wanted)
