# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profile images: which addresses the server accepts, and how results show an image within its address."""

from __future__ import annotations

import hashlib
import re
from typing import Optional
from urllib.parse import urlsplit

NO_IMAGE = "/user.png"
SERVER_IMAGES = ("", NO_IMAGE, "/favicon.png", "/static/favicon.png")
_OWN_IMAGE = re.compile(r"/api/v1/users/[^/?#]+/profile/image")
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,", re.IGNORECASE)


def shown_image(url: str) -> str:
    """Return an image's address for results; an image within the address is shown by its size and digest."""
    if not _DATA_IMAGE.match(url):
        return url
    digest = hashlib.sha256(url.encode()).hexdigest()
    return f"{url.split(',', 1)[0]},... ({len(url)} characters, sha256 {digest})"


def is_image(url: str) -> bool:
    """Tell whether the server accepts an address as a profile image."""
    if url in SERVER_IMAGES or _OWN_IMAGE.fullmatch(url) or _DATA_IMAGE.match(url):
        return True
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def is_web_url(url: Optional[str]) -> bool:
    """Tell whether an image is an address that a browser would fetch."""
    return url is not None and urlsplit(url).scheme in ("http", "https")
