"""The command line of the test bed."""
from __future__ import annotations

import argparse
import sys

from . import images
from .engine import BedError


def _images(args: argparse.Namespace) -> None:
    images.ensure(args.names or list(images.ALL))
    print("\n".join(images.report()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bed", description="Real servers and bare hosts, made of containers, for tests.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("images", help="build what is missing of the images")
    command.add_argument("names", nargs="*", metavar="NAME", choices=[[], *images.ALL],
                         help=f"one of {', '.join(images.ALL)}; all by default")
    command.set_defaults(work=_images)
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
