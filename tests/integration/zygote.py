"""A process that has imported what all modules need, and forks for each run of one.

Reads a line of JSON with the module and the files of its input and output, and answers
with the exit status. A run is a process of its own, without a third of a second of imports.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import traceback
from typing import Any

for name in ("ansible.module_utils.basic", "requests"):
    importlib.import_module(name)


def run(order: dict[str, Any]) -> None:
    """Become the module."""
    for number, (path, flags) in enumerate(
        ((order["input"], os.O_RDONLY), (order["output"], os.O_WRONLY), (order["errors"], os.O_WRONLY))
    ):
        os.dup2(os.open(path, flags), number)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = [order["module"]]
    os.environ.update(order["places"])
    code = 1
    try:
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Fork as long as orders come."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            run(order)
        _pid, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
