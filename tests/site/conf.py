# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx configuration of the documentation site; tests/site/build calls Sphinx with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

project = "selfhosted.llm"
author = "selfhosted.llm contributors"
project_copyright = "2026, selfhosted.llm contributors"
language = "en"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
# The slugs of GitHub, so that one anchor serves both.
myst_heading_anchors = 4

html_theme = "furo"
html_title = "selfhosted.llm"
html_show_sphinx = False
html_copy_source = False
html_theme_options: dict[str, Any] = {"navigation_with_keys": True}
# A page loads nothing from other hosts and remembers nothing about its readers.
html_static_path: list[str] = []

pygments_style = "tango"
nitpicky = False

# Labels of Ansible's documentation, which the pages of modules refer to; an inventory of them would need the network.
FOREIGN = (
    "action_plugins",
    "ansible_collections.ansible.",
    "ansible_collections.community.",
    "ansible_configuration_settings",
    "common_return_values",
)


def plain_text_for_foreign_labels(
    _app: Sphinx, _env: Any, node: nodes.Element, content: nodes.Element
) -> nodes.Element | None:
    """Show a reference into the documentation of Ansible or another collection as plain text."""
    return content if str(node.get("reftarget", "")).startswith(FOREIGN) else None


def setup(app: Sphinx) -> None:
    """Register the handler."""
    app.connect("missing-reference", plain_text_for_foreign_labels)
