# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns of a CSV file of accounts, recognised by the headers that common systems export."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ...engine.entries import shortened
from ...engine.errors import Failure

FIELDS = ("name", "email", "password", "role", "groups")
FIRST, LAST = "first name", "last name"
# Headers as `_key` returns them. If several columns match a field, the first in this order counts.
HEADERS: Mapping[str, Sequence[str]] = {
    "email": (
        # Open WebUI and most others; Google Workspace; Microsoft 365, Active Directory; Thunderbird, Outlook
        "email", "emailaddress", "mail", "mailaddress", "primaryemail", "useremail", "emailid", "loginemail",
        "emailadresse", "mailadresse", "primareemailadresse", "emailschulisch", "schulemail", "dienstlicheemail",
        "courriel", "adresseemail", "adresseelectronique", "adressemail", "correo", "correoelectronico",
        "direccioncorreo", "direcciondecorreoelectronico", "indirizzoemail", "postaelettronica", "emailadres",
        "adresemail", "epost", "epostadress", "epostadresse", "sahkoposti", "enderecodeemail",
        # Single sign-on exports have these instead of an address.
        "userprincipalname", "upn", "signinname", "username", "loginid", "login", "samaccountname", "uid",
        "benutzername", "anmeldename", "identifiant", "nomdutilisateur", "usuario", "nombredeusuario", "nomeutente",
        "gebruikersnaam", "anvandarnamn",
    ),
    "name": (
        "displayname", "fullname", "anzeigename", "vollstandigername", "completename", "nomcomplet", "nombrecompleto",
        "nomecompleto", "volledigenaam", "name", "cn", "commonname",
    ),
    FIRST: (
        "firstname", "givenname", "forename", "vorname", "prenom", "nombre", "nome", "voornaam", "imie", "fornamn",
        "fornavn", "etunimi",
    ),
    LAST: (
        "lastname", "surname", "familyname", "sn", "nachname", "familienname", "zuname", "nom", "nomdefamille",
        "apellidos", "apellido", "cognome", "achternaam", "nazwisko", "efternamn", "etternavn", "sobrenome",
        "apelido", "sukunimi",
    ),
    "password": (
        "password", "initialpassword", "passwort", "kennwort", "startpasswort", "motdepasse", "contrasena",
        "wachtwoord", "haslo", "senha", "losenord", "passord", "salasana",
    ),
    "role": ("role", "userrole", "rolle", "rol", "ruolo", "rola", "roll", "funcao"),
    "groups": ("groups", "group", "gruppen", "gruppe", "groupes", "groupe", "grupos", "grupo", "gruppi", "gruppo",
               "groepen", "groep", "grupy", "grupa", "grupper", "grupp"),
}  # fmt: skip
# Alone these are the whole name; beside the other half they are one half (`Name;Vorname`).
HALVES = {"name": LAST, "nom": LAST, "nome": FIRST, "nombre": FIRST}
MIN_LIKENESS = 0.85
_BRACKETS = re.compile(r"[\[(]([^\])]*)[\])]")
_NOTHING = re.compile(r"(required|pflichtfeld|optional|uploadonly|readonly)$")


@dataclass(frozen=True)
class Columns:
    """The column of each field, numbered from 0; ``unused`` are the headers of the other columns."""

    headers: Tuple[str, ...]
    places: Mapping[str, int]
    unused: Tuple[str, ...]

    def header(self, field: str) -> str:
        """Return the header of a field's column as written; both headers for a name in two columns."""
        names = [FIRST, LAST] if field == "name" and "name" not in self.places else [field]
        return " and ".join(self.headers[self.places[name]] for name in names if name in self.places)

    def cells(self, cells: Sequence[str]) -> Dict[str, str]:
        """Return the cells of a row by field; join a name in two columns."""
        fields = {name: cells[place].strip() for name, place in self.places.items() if place < len(cells)}
        halves = [fields.pop(FIRST, ""), fields.pop(LAST, "")]
        if not fields.get("name"):
            fields["name"] = " ".join(half for half in halves if half)
        return fields


def columns_of(header: Sequence[str]) -> Optional[Columns]:
    """Return the columns of a header; None if the row is not a header, because no column is for e-mail addresses."""
    # A cell with an address is not a header.
    if any("@" in cell for cell in header):
        return None
    found = [list(_keys(cell)) for cell in header]
    places = {field: place for field in HEADERS for place in [_place(field, found)] if place is not None}
    if "email" not in places:
        return None
    _halve(places, found)
    taken = set(places.values())
    unused = tuple(cell.strip() for place, cell in enumerate(header) if place not in taken and cell.strip())
    return Columns(tuple(cell.strip() for cell in header), places, unused)


def refuse_unclear(columns: Columns, where: str) -> None:
    """Raise a Failure if two columns have the same header, or a header looks misspelt."""
    for field, place in columns.places.items():
        keys = list(_keys(columns.headers[place]))
        twice = [name for name in columns.unused if list(_keys(name)) == keys]
        if twice:
            raise Failure(
                f"The columns {columns.headers[place]!r} and {shortened(twice[0])!r} in {where} both stand for "
                f"{field}; keep one of them."
            )
    for name in columns.unused:
        near = _near(name, columns)
        if near:
            raise Failure(f"The column {shortened(name)!r} in {where} looks like {near}; rename or remove it.")


def _place(field: str, found: Sequence[Sequence[str]]) -> Optional[int]:
    """Return the column of a field: the one whose header comes first in HEADERS."""
    ranks = {key: rank for rank, key in enumerate(HEADERS[field])}
    ranked = [(ranks[key], place) for place, keys in enumerate(found) for key in keys if key in ranks]
    return min(ranked)[1] if ranked else None


def _halve(places: Dict[str, int], found: Sequence[Sequence[str]]) -> None:
    """Correct the columns of half names: `Name` beside `Vorname` is the last name."""
    for key, half in HALVES.items():
        other = FIRST if half is LAST else LAST
        place = next((place for place, keys in enumerate(found) if keys == [key]), None)
        if place is None or place not in places.values():
            continue
        for field in [field for field, taken in places.items() if taken == place]:
            del places[field]
        beside = other in places and half not in places and "name" not in places
        if beside:
            places[half] = place
        else:
            places.setdefault("name", place)


def _keys(header: str) -> Iterator[str]:
    """Yield the keys of a header: its letters, and those in its brackets (`Name [displayName] Required`)."""
    yield _key(_BRACKETS.sub(" ", header))
    yield from (_key(inner) for inner in _BRACKETS.findall(header))


def _key(header: str) -> str:
    plain = unicodedata.normalize("NFKD", header.casefold().replace("ł", "l"))
    letters = "".join(letter for letter in plain if letter.isalnum())
    return _NOTHING.sub("", letters) or letters


def _near(name: str, columns: Columns) -> str:
    """Return the field without a column that a header resembles; empty if there is none."""
    key = next(_keys(name))
    lacking: List[str] = [field for field in FIELDS if field not in columns.places]
    for field in lacking:
        if field == "name" and (FIRST in columns.places or LAST in columns.places):
            continue
        if any(SequenceMatcher(None, key, known).ratio() >= MIN_LIKENESS for known in HEADERS[field] if len(known) > 3):
            return field.capitalize()
    return ""
