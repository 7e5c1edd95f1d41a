# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the options of the role open_webui, before anything is known of the host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..containers.addresses import address_problems
from ..containers.images import not_pinned

Options = Mapping[str, Any]
MOVING_TAGS = ("latest", "main", "dev", "cuda", "ollama", "slim", "")
# Variables that the role's own options decide.
RESERVED = (
    "DATA_DIR",
    "HOST",
    "PORT",
    "WEBUI_ADMIN_EMAIL",
    "WEBUI_ADMIN_NAME",
    "WEBUI_ADMIN_PASSWORD",
    "WEBUI_AUTH",
    "WEBUI_JWT_SECRET_KEY",
    "WEBUI_SECRET_KEY",
    "WEBUI_SECRET_KEY_FILE",
)
MAX_PASSWORD_BYTES = 72
MIN_SECRET_KEY = 32


def option_problems(its: Options, hostname: str) -> list[str]:
    """Return the problems, each in one sentence. Options stand without ``open_webui_``."""
    return [*_admin(its, hostname), *_keys(its), *_container(its), *_reserved(its)]


def _admin(its: Options, hostname: str) -> Iterator[str]:
    email, password = str(its["admin_email"] or ""), str(its["admin_password"] or "")
    if not re.match("^[^@ ]+@[^@ ]+$", email):
        what = "not an e-mail address" if email else "not set"
        yield (
            f"open_webui_admin_email is {what} for {hostname}: the first admin signs in by it, for example "
            "admin@example.org."
        )
    if not password:
        yield (
            f"open_webui_admin_password is not set for {hostname}: take it from a vault, or from "
            "lookup('ansible.builtin.password', 'FILE length=24'), which makes one and keeps it in FILE."
        )
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        yield "open_webui_admin_password has more than 72 bytes, which Open WebUI refuses: give a shorter one."


def _keys(its: Options) -> Iterator[str]:
    file = its["api_key_file"]
    if file and not os.path.isabs(os.path.expanduser(file)):
        yield (
            f"open_webui_api_key_file is '{file}', and relative to what is not clear: give a whole path, such as "
            "{{ inventory_dir }}/automation.key."
        )
    if file and its["api_key_email"].lower() == str(its["admin_email"] or "").lower():
        yield "open_webui_api_key_email is the first admin's: give another, for which an account is made."
    if its["has_secret_key"] and len(str(its["secret_key"])) < MIN_SECRET_KEY:
        yield (
            "open_webui_secret_key has fewer than 32 characters, too few to sign sessions with: give a longer one, or "
            "none to have it generated."
        )


def _container(its: Options) -> Iterator[str]:
    version = str(its["version"])
    if version in MOVING_TAGS or version.startswith("main-"):
        yield not_pinned("open_webui_version", version, "0.12.4")
    yield from address_problems("open_webui_bind_address", its["bind_address"])
    wrong = [url for url in its["ollama_urls"] if not re.match("^https?://[^; ]+$", url)]
    if wrong:
        listed = "', '".join(wrong)
        yield f"open_webui_ollama_urls has '{listed}': each must be a URL that begins with http."


def _reserved(its: Options) -> Iterator[str]:
    reserved = [name for name in its["environment"] if name in RESERVED]
    if reserved:
        yield (
            f"open_webui_environment must not set {', '.join(reserved)}, since the role's own variables decide these "
            "(open_webui_admin_email, open_webui_admin_password, open_webui_secret_key, open_webui_port, "
            "open_webui_volume)."
        )
