# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.fragments import ACCESS, SRC_PLACE, listed, single

_MODEL = (
    r"""
id:
  description:
    - The id, by which the model is known. A new one has 256 characters at most, and since Open WebUI 0.11.4 no blanks.
    - With a blank in its id, a model of an earlier version can only be removed since 0.11.4.
    - The id of a model that a connection offers (V(llama3.2:3b)) makes this an override of it.
  type: str
  required: true
src:
  description:
    - A file that Open WebUI exported on its page (C(models-export-....json), or that of one model). Of several models
      in it the one with this O(id) is taken. All options come from the file, unless they are given here, except for
      O(access).
    - Knowledge bases are looked up by their names, and must be there.
"""
    + SRC_PLACE
    + r"""name:
  description:
    - The name that is shown. A new model without one is named by its id.
  type: str
base_model:
  description:
    - The id of the model that answers, which makes this a preset.
    - An empty one makes it an override. So is a new model without one.
    - Those who may use a preset must be allowed to use its base model as well. See O(grant_base).
  type: str
description:
  description:
    - What is told of the model in the list of models. An empty one is none.
  type: str
system:
  description:
    - The system prompt. An empty one is none.
  type: str
params:
  description:
    - Parameters of the model, by the names that Open WebUI gives them (C(temperature), C(num_ctx),
      C(function_calling)).
    - Only the keys that are given are compared and written, at every depth. V(null) removes a key. Lists are whole.
  type: dict
capabilities:
  description:
    - What the model can do, by the names that Open WebUI gives it (C(vision), C(web_search), C(file_upload)).
    - Only the keys that are given are compared and written. V(null) removes a key.
  type: dict
tags:
  description:
    - The tags, no more and no fewer.
  type: list
  elements: str
knowledge:
  description:
    - The names of the knowledge bases that the model answers from, no more and no fewer.
    - They must be there, and no two may have the same name. Single files and notes that were added by hand stay.
    - Who may use the model needs access to the knowledge base, too.
  type: list
  elements: str
tools:
  description:
    - The ids of the tools that are switched on for the model, no more and no fewer.
  type: list
  elements: str
filters:
  description:
    - The ids of the filter functions of the model, no more and no fewer.
  type: list
  elements: str
actions:
  description:
    - The ids of the action functions of the model, no more and no fewer.
  type: list
  elements: str
skills:
  description:
    - The ids of the skills of the model, no more and no fewer. Open WebUI has skills since 0.8.
  type: list
  elements: str
suggestions:
  description:
    - The prompts that a new chat with the model suggests, in this order. V([]) suggests none.
    - A text, or a mapping with C(content) and C(title), which is a list of two lines.
  type: list
  elements: raw
hidden:
  description:
    - Whether the list of models in the browser leaves the model out. It can be used all the same.
  type: bool
active:
  description:
    - Whether the model is on. One that is off is gone for everybody, and presets that are based on it do not answer.
  type: bool
profile_image_url:
  description:
    - The picture. An C(http) or C(https) address, V(/user.png), V(/favicon.png), V(/static/favicon.png), or
      C(data:image/...;base64,...) of a PNG, JPEG, GIF or WebP. An empty one is none.
  type: str
meta:
  description:
    - Further keys that Open WebUI keeps with a model and that have no option here (C(defaultFeatureIds), C(voice)).
    - Only the keys that are given are compared and written, at every depth. V(null) removes a key. Lists are whole.
  type: dict
grant_base:
  description:
    - Whether everybody who may see the preset may use its base model as well, and the base model of that.
    - Nobody loses access by it. A base model that had no row until then, and so was the administrators' alone, gets
      one that is hidden from the list of models, for the administrators as well.
    - Without it the module warns of people who see the preset and get no answer from it.
  type: bool
  default: false
state:
  description:
    - Whether the model is there.
    - With V(absent) a preset is gone, and an override is taken back. What a connection offers stays, but only
      administrators see it then.
  type: str
  choices:
    - present
    - absent
  default: present
"""
)


class ModuleDocFragment:
    # With their types, because ansible-test takes the values of plain assignments for literals.

    # What is said of one model, but for its access, which is selfhosted.llm.webui.access.
    DOCUMENTATION: str = single(_MODEL)

    # The same as the entries of a list.
    LISTED: str = listed("models", _MODEL, ACCESS, from_file=True)
