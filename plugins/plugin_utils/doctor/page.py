# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from .findings import SEVERITIES, Finding, clean
from .summary import Patient, aspects
from .table import last_line

STYLE = """
:root { color-scheme: light dark; --line: #8884; --error: #c62828; --warning: #b26a00; --well: #2e7d32; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } h3 { font-size: 1rem; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
td { overflow-wrap: anywhere; min-width: 9rem; }
.error { color: var(--error); font-weight: 600; } .warning { color: var(--warning); font-weight: 600; }
.well { color: var(--well); font-weight: 600; }
code { font-size: .9em; } p.do { margin: .2rem 0 0; opacity: .8; }
@media (prefers-color-scheme: dark) { :root { --error: #ef9a9a; --warning: #ffcc80; --well: #a5d6a7; } }
"""
# Whatever a host may have smuggled in, the browser loads nothing and runs nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(patients: Sequence[Patient], when: str) -> str:
    """Return the page. ``when`` is the time of the look as a person reads it."""
    body = "\n".join([*_hosts(patients), *_findings(patients), *(part for one in patients for part in _details(one))])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>Doctor: {_safe(last_line(patients))}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{_safe(last_line(patients))}</h1>
<p>Looked at {_safe(when)} by selfhosted.llm.doctor.</p>
{body}
</body>
</html>
"""


def _safe(value: Any) -> str:
    return escape(clean(value), quote=True)


def _hosts(patients: Sequence[Patient]) -> Iterator[str]:
    told = [aspects(one) for one in patients]
    names = list(dict.fromkeys(name for its in told for name in its))
    yield '<div class="wide"><table><thead><tr><th></th>'
    yield from (f'<th scope="col">{_safe(one.name)}</th>' for one in patients)
    yield "</tr></thead><tbody>"
    for name in names:
        yield f'<tr><th scope="row">{_safe(name)}</th>'
        for patient, its in zip(patients, told):
            colour = f' class="{_worst(patient)}"' if name == "state" else ""
            yield f"<td{colour}>{'<br>'.join(map(_safe, its.get(name, [])))}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _worst(patient: Patient) -> str:
    found = {one.severity for one in patient.findings}
    return next((severity for severity in SEVERITIES if severity in found), "well")


def _findings(patients: Sequence[Patient]) -> Iterator[str]:
    found = [one for patient in patients for one in patient.findings]
    if not found:
        return
    yield '<h2>Findings</h2><div class="wide"><table><thead><tr><th>severity</th><th>host</th><th>id</th>'
    yield "<th>what is wrong, and the way out</th></tr></thead><tbody>"
    yield from (_finding(one) for one in sorted(found, key=lambda one: SEVERITIES.index(one.severity)))
    yield "</tbody></table></div>"


def _finding(one: Finding) -> str:
    return (
        f'<tr><td class="{_safe(one.severity)}">{_safe(one.severity)}</td><td>{_safe(one.host)}</td>'
        f'<td><code>{_safe(one.id)}</code></td><td>{_safe(one.say)}<p class="do">{_safe(one.do)}</p></td></tr>'
    )


def _details(patient: Patient) -> Iterator[str]:
    if not patient.reached:
        return
    seen = patient.seen
    yield f"<h2>{_safe(patient.name)}</h2>"
    yield from _list("Containers", seen.get("containers"), ("name", "image", "state", "health", "started", "restarts"))
    yield from _list("Listening ports", seen.get("ports"), ("address", "port", "process"))
    yield from _list("Ways out", seen.get("ways_out"), ("network", "egress", "internal", "in_force", "kept", "opened"))
    yield from _list("GPUs", (seen.get("gpu") or {}).get("gpus"), ("name", "uuid", "bus_id", "driver_version"))
    yield from _list("File systems", seen.get("disks"), ("path", "holds", "size", "free", "inodes_free"))
    yield from _list("Units", seen.get("units"), ("name", "active", "sub"))


def _list(title: str, rows: Any, names: Sequence[str]) -> Iterator[str]:
    if not rows:
        return
    yield f'<h3>{_safe(title)}</h3><div class="wide"><table><thead><tr>'
    yield from (f"<th>{_safe(name.replace('_', ' '))}</th>" for name in names)
    yield "</tr></thead><tbody>"
    for row in rows:
        cells = "".join(f"<td>{_safe(row.get(name, ''))}</td>" for name in names)
        yield f"<tr>{cells}</tr>"
    yield "</tbody></table></div>"
