"""Lets the Python of a container hash passwords at the cost that BED_PASSWORD_COST says.

Open WebUI hashes a password for each account that is made and for each sign-in. At bcrypt's default cost that takes a
core a third of a second, and was half of what tests of accounts took. Only `bed up` mounts this; a host that a role
sets up has the image as it is.
"""

import os

import bcrypt

COST = int(os.environ["BED_PASSWORD_COST"])
_gensalt = bcrypt.gensalt


def gensalt(rounds: int = COST, prefix: bytes = b"2b") -> bytes:
    return bytes(_gensalt(rounds, prefix))


bcrypt.gensalt = gensalt
