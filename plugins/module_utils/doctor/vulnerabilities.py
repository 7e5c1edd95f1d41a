# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known vulnerabilities of the two servers that a newer version mends.

What no version mends (Ollama has no authentication by design, CVE-2025-63389, and fetches from any host it is told,
CVE-2026-5530) is a matter of who reaches the port, and not in this table; neither is what names no fixed version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class Vulnerability:
    """``fixed`` is the first version without it; ``source`` who says so."""

    server: str
    fixed: str
    id: str
    what: str
    source: str
    critical: bool = False


OLLAMA, OPEN_WEBUI = "ollama", "open-webui"
CRITICAL = True
ADVISORY, NOTES, VULNDB = "advisory", "release notes", "Go vulnerability database and packagers"

VULNERABILITIES = (
    Vulnerability(OLLAMA, "0.1.29", "CVE-2024-28224", "web pages reach the API by DNS rebinding", ADVISORY),
    Vulnerability(
        OLLAMA, "0.1.34", "CVE-2024-37032", "a manifest writes outside the store and runs code", ADVISORY, CRITICAL
    ),
    Vulnerability(OLLAMA, "0.1.46", "CVE-2024-39720", "a crafted GGUF file ends the server", ADVISORY),
    Vulnerability(OLLAMA, "0.1.46", "CVE-2024-39721", "a create from a device file hangs the server", ADVISORY),
    Vulnerability(OLLAMA, "0.1.46", "CVE-2024-39722", "a push tells which files exist", ADVISORY),
    Vulnerability(OLLAMA, "0.1.47", "CVE-2024-45436", "a ZIP archive in a create writes outside its folder", ADVISORY),
    Vulnerability(OLLAMA, "0.12.6", "CVE-2024-8063", "a crafted GGUF file ends the server", VULNDB),
    Vulnerability(OLLAMA, "0.12.6", "CVE-2024-12055", "a crafted GGUF file ends the server", VULNDB),
    Vulnerability(OLLAMA, "0.12.6", "CVE-2024-12886", "a compressed answer of a registry fills the memory", VULNDB),
    Vulnerability(OLLAMA, "0.12.6", "CVE-2025-0312", "a crafted GGUF file ends the server", VULNDB),
    Vulnerability(OLLAMA, "0.12.6", "CVE-2025-0315", "a crafted GGUF file fills the memory", VULNDB),
    Vulnerability(OLLAMA, "0.12.6", "CVE-2025-0317", "a crafted GGUF file ends the server", VULNDB),
    Vulnerability(OLLAMA, "0.12.6", "CVE-2025-1975", "a crafted manifest ends the server", VULNDB),
    Vulnerability(OLLAMA, "0.14.3", "CVE-2025-51471", "a registry gets the token of another", "pull request 13738"),
    Vulnerability(
        OLLAMA, "0.17.1", "CVE-2026-7482", "a crafted GGUF file reads the memory", "pull request 14406", CRITICAL
    ),
    Vulnerability(OPEN_WEBUI, "0.6.35", "CVE-2025-64496", "a direct connection runs code in the browser", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.6.35", "CVE-2025-64495", "a rich-text prompt runs scripts", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.6.37", "CVE-2025-65958", "a web fetch reaches internal hosts", NOTES),
    Vulnerability(OPEN_WEBUI, "0.8.0", "CVE-2026-45665", "banners run scripts", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.8.6", "CVE-2026-44571", "messages of others can be changed in channels", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.9.0", "CVE-2026-44551", "LDAP takes an empty password", ADVISORY, CRITICAL),
    Vulnerability(
        OPEN_WEBUI, "0.9.0", "CVE-2026-45339", "API keys reach endpoints that are forbidden to them", ADVISORY
    ),
    Vulnerability(OPEN_WEBUI, "0.9.0", "CVE-2026-45349", "chats of others can be used", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.9.0", "CVE-2026-44556", "models can be used without access", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.9.0", "CVE-2026-44563", "models can be used without access", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.9.0", "CVE-2026-45671", "files of others can be deleted", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.9.0", "CVE-2026-45331", "a web fetch reaches internal hosts by IPv6", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.9.5", "CVE-2026-45400", "a web fetch reaches internal hosts", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.9.5", "CVE-2026-45401", "a web fetch reaches internal hosts by redirects", ADVISORY),
    # Of these the line 0.9 and the line 0.11 are known and not the release; the last one that is named stands for it.
    Vulnerability(OPEN_WEBUI, "0.9.5", "CVE-2026-45675", "several first users become admins", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.11.4", "CVE-2026-70482", "an account is taken over by OAuth", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.11.4", "CVE-2026-70485", "a web fetch reaches internal hosts by NAT64", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.11.4", "CVE-2026-70486", "the terminal's preview runs scripts", ADVISORY),
    Vulnerability(
        OPEN_WEBUI, "0.11.0", "CVE-2026-54020", "a web fetch reaches internal hosts by DNS rebinding", ADVISORY
    ),
    Vulnerability(OPEN_WEBUI, "0.11.4", "CVE-2026-109283", "a role is got round by OAuth", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.11.4", "CVE-2026-109292", "session cookies go to connections with OAuth", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.11.4", "CVE-2026-109285", "files can be read after access was taken away", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.11.4", "CVE-2026-109296", "back ends that are switched off can be reached", ADVISORY),
    Vulnerability(OPEN_WEBUI, "0.12.4", "security fixes of 0.12.4", "the release notes name no more than that", NOTES),
)


def known(server: str, version: str) -> Tuple[Vulnerability, ...]:
    """Return the vulnerabilities of a version, none for one that cannot be read."""
    number = numbers(version)
    return tuple(one for one in VULNERABILITIES if one.server == server and number and number < numbers(one.fixed))


def numbers(version: str) -> Tuple[int, ...]:
    """Return a version as numbers that compare, () for what is none. A release candidate counts as its release."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in found.groups()) if found else ()
