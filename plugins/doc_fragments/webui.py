# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.fragments import ACCESS_OPTION


class ModuleDocFragment:
    # Where the server is, and how to talk to it.
    DOCUMENTATION = r"""
options:
  url:
    description:
      - The base address of Open WebUI, as the managed host reaches it.
    type: str
    default: http://127.0.0.1:3001
  timeout:
    description:
      - The seconds to wait for an answer, and between two pieces of it.
    type: float
    default: 30
  validate_certs:
    description:
      - Whether the server's TLS certificate must be valid.
    type: bool
    default: true
  ca_path:
    description:
      - A file or a folder of CA certificates on the managed host, to check the server's certificate against.
    type: path
  use_proxy:
    description:
      - Whether calls to O(url) go by the proxy that the environment of the module names (E(HTTP_PROXY),
        E(HTTPS_PROXY), E(ALL_PROXY)).
      - By default they do, except for addresses of the managed host itself, and over plain HTTP for private ones,
        because a proxy reads what passes it unencrypted. Private are the networks of RFC 1918, C(100.64.0.0/10),
        link-local and unique local addresses, names that lead to one of these, names without a dot, and names in
        C(.local), C(.internal), C(.localdomain) and C(.home.arpa).
      - With V(true) every address goes by the proxy that E(NO_PROXY) does not name, with V(false) none.
    type: bool
requirements:
  - requests (the package python3-requests of the managed host's distribution)
notes:
  - Open WebUI 0.12.4 is what this is tested against.
    Versions from 0.6.43 are provided for.
"""

    # Who asks. Every module but webui_first_admin needs an administrator.
    CREDENTIALS = r"""
options:
  token:
    description:
      - An API key or a session token of an administrator. Where it is given, nobody signs in.
      - If the server refuses it (it is not valid, API keys are switched off, or its account is no administrator) and
        O(admin_password) is given as well, the task warns, signs in by password and goes on.
      - The better choice for everything that runs often or with a second factor switched on,
        because Open WebUI takes only 15 sign-ins in 3 minutes for each e-mail, and API keys need none.
    type: str
  admin_email:
    description:
      - The e-mail of an administrator who signs in with O(admin_password).
      - The tasks of an hour share one sign-in. Its token lies in C($XDG_RUNTIME_DIR/selfhosted-llm), for root in
        C(/run/selfhosted-llm), on the managed host; where there is neither, each task signs in.
      - Beside O(token), without O(admin_password), it tells whose API key that is. From Open WebUI 0.12 on the server
        does not tell while the setting C(users.enable_status) is V(false).
    type: str
  admin_password:
    description:
      - The password of O(admin_email). Either this or O(token) is required. Where both are given, O(token) comes first.
    type: str
"""

    # What is said of one account.
    USER = r"""
options:
  name:
    description:
      - The name that is shown.
      - A new account without one gets the part of O(email) before the @.
    type: str
  password:
    description:
      - The password. Required for an account that is not there yet.
      - 1 to 72 bytes in UTF-8. The server may have further rules, and their words are shown where it refuses one.
      - The server does not tell a password, so one that is already set is not compared. See O(update_password).
    type: str
  update_password:
    description:
      - With V(on_create) the password is set when the account is made, and never again.
      - With V(always) it is written by every run, which is a change each time. From Open WebUI 0.12 on that ends
        all sessions of the account.
      - With V(verify) a run signs in once with the password, in check mode too, and writes it only where it is not
        the one in force. That takes the server a third of a second, and counts as one of the 15 sign-ins in 3 minutes
        that it takes for an e-mail; where they are used up, the run waits 4 minutes for more.
    type: str
    choices:
      - on_create
      - always
      - verify
    default: on_create
  groups:
    description:
      - The names of the groups that the user is in, no more and no fewer. V([]) takes the user out of all.
      - Where it is left out, nothing is changed; a new account then is in the default group of the server, if there is
        one.
      - The groups must be there. Two groups of the same name are an error, because it is unclear which is meant.
    type: list
    elements: str
  profile_image_url:
    description:
      - The picture. An C(http) or C(https) address, V(/user.png), or C(data:image/...;base64,...) of a PNG, JPEG,
        GIF or WebP. An empty one is V(/user.png).
    type: str
  state:
    description:
      - Whether the account is there.
      - With V(absent) its chats go, too. What it made in the workspace stays.
      - Nobody can delete the primary admin (the oldest account), or the account that the task signs in with.
      - To shut out a person and keep the chats, set O(role=pending) instead.
    type: str
    choices:
      - present
      - absent
    default: present
"""

    # Who may see and change an object of the workspace. With its type, because ansible-test takes the values of plain
    # assignments for literals.
    ACCESS: str = f"options:\n{ACCESS_OPTION}"
