# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands where ansible-test keeps its download of get-pip, which is on no package index.

Python carries a pip of its own. It is unpacked by another process, because ensurepip turns off
pip's configuration in the one it runs in.
"""

from __future__ import annotations

import subprocess
import sys

UNKNOWN_TO_PIP = ("--no-setuptools", "--no-wheel")


def main() -> int:
    subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
    wanted = [argument for argument in sys.argv[1:] if argument not in UNKNOWN_TO_PIP]
    return subprocess.run([sys.executable, "-m", "pip", "install", "--upgrade", *wanted], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
