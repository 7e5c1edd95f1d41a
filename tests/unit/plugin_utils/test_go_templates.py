"""Templates of Go that Ansible takes for its own: the task is told how to write them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.selfhosted.llm.plugins.plugin_utils.following import FollowedAction

# tests/unit/ollama/test_ollama_modelfile_wish.py has what becomes of an emptied one.
INLINE = 'FROM x\nTEMPLATE """{{ if .System }}<|s|>{{ .System }}{{ end }}{{ .Prompt }}"""\n'


def finalized(name: str, value: Any, **variables: str) -> Any:
    """Return an option as Ansible fills it in before the action runs."""
    known = {variable: trust_as_template(text) for variable, text in variables.items()}
    # The engine is what ansible-core gives to actions; its public wrapper holds it.
    templar = Templar(DataLoader(), known)._engine
    return FollowedAction.finalize_task_arg(name, value, templar, None)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("modelfile", INLINE),
        ("template", "{{ .Prompt }}"),
        ("template", "{{- range $one := .Messages }}{{ $one.Content }}{{ end }}"),
        ("template", "{{ if eq .Role 1 }}{{ end }}"),
    ],
)
def test_a_go_template_that_jinja_fails_at_is_explained(option: str, value: str) -> None:
    for given in (trust_as_template(value), trust_as_template("{{ text }}")):
        with pytest.raises(AnsibleError) as told:
            finalized(option, given, text=value)
        assert f"Ansible took the {{{{ }}}} of a Go template in {option} for Jinja." in str(told.value)
        assert "!unsafe" in str(told.value)
        assert "{% raw %}" in str(told.value)
        assert "lookup('ansible.builtin.file', ...)" in str(told.value)


def test_a_go_template_in_a_list_of_models_is_explained() -> None:
    with pytest.raises(AnsibleError, match="of a Go template in models for Jinja"):
        finalized("models", [{"name": "m", "template": trust_as_template("{{ .Prompt }}")}])


@pytest.mark.parametrize(
    ("option", "value"), [("name", "{{ .Prompt }}"), ("modelfile", "{{ no_such }}"), ("template", "{{ 1 +")]
)
def test_other_mistakes_of_jinja_are_told_as_ansible_tells_them(option: str, value: str) -> None:
    with pytest.raises(AnsibleError) as told:
        finalized(option, trust_as_template(value))
    assert "Go template" not in str(told.value)


def test_what_is_not_for_jinja_comes_through() -> None:
    assert finalized("modelfile", INLINE) == INLINE
    raw = trust_as_template(f"{{% raw %}}{INLINE}{{% endraw %}}")
    assert str(finalized("modelfile", raw)).strip() == INLINE.strip()
    assert finalized("template", trust_as_template("{{ '{{ .Prompt }}' }}")) == "{{ .Prompt }}"
