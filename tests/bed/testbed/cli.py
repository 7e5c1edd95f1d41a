"""The command line of the test bed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from . import hosts, images, real, servers
from .engine import CACHE, BedError


def _names(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _build(args: argparse.Namespace) -> None:
    images.ensure(args.names or list(images.ALL))
    print("\n".join(images.report()))


def _up(args: argparse.Namespace) -> None:
    unknown = set(args.only) - set(servers.SERVERS)
    if unknown:
        raise BedError(f"no server is called {', '.join(sorted(unknown))}; there are {', '.join(servers.SERVERS)}.")
    servers.up(args.only)


def _models(_args: argparse.Namespace) -> None:
    for name, path in real.ensure(CACHE).items():
        print(f"{name} {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bed",
        description="Real servers and bare hosts, made of containers, for tests. "
        "BED_NAME in the environment names the bed (default: bed); beds do not see each other.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, work: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(work=work)
        return made

    known = ", ".join(images.ALL)
    made = command("images", "build what is missing of the images", _build)
    made.add_argument("names", nargs="*", metavar="IMAGE", help=f"of {known}; all by default")
    command("models", "make the files of the real models, and print their names and paths", _models)
    made = command("up", "start Ollama, Open WebUI and a model registry on 127.0.0.1", _up)
    made.add_argument(
        "--only", type=_names, default=[], metavar="SERVER,...", help=f"start a part, of {','.join(servers.SERVERS)}"
    )
    command("down", "remove all that this bed started, hosts too", lambda args: servers.down())
    command("status", "show images and what of this bed runs", lambda args: servers.status())
    made = command("host-up", "start bare systemd hosts", lambda args: hosts.up(args.names, args.image_load))
    made.add_argument("names", nargs="+", metavar="NAME")
    made.add_argument(
        "--image-load",
        action="append",
        default=[],
        metavar="IMAGE",
        help="an image that the host's Docker engine has from its start; may be repeated",
    )
    made = command("host-down", "remove hosts", lambda args: hosts.down(args.names))
    made.add_argument("names", nargs="+", metavar="NAME")
    made = command(
        "load", "copy images into the Docker engine of a host", lambda args: hosts.load(args.name, args.images)
    )
    made.add_argument("name", metavar="NAME")
    made.add_argument("images", nargs="+", metavar="IMAGE", help=f"of {known}")
    return parser


def main() -> int:
    args = _parser().parse_args()
    try:
        args.work(args)
    except BedError as error:
        print(f"bed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bed: interrupted", file=sys.stderr)
        return 130
    return 0
