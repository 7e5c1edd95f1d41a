# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page without scripts or external files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import SEVERITIES, Finding

from .findings import clean
from .summary import HostReport, aspects
from .table import last_line

STYLE = """
:root { color-scheme: light dark; --line: #8884; --error: #c62828; --warning: #b26a00; --ok: #2e7d32; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } h3 { font-size: 1rem; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
td { overflow-wrap: anywhere; min-width: 9rem; }
.error { color: var(--error); font-weight: 600; } .warning { color: var(--warning); font-weight: 600; }
.ok { color: var(--ok); font-weight: 600; }
code { font-size: .9em; } p.fix { margin: .2rem 0 0; opacity: .8; }
@media (prefers-color-scheme: dark) { :root { --error: #ef9a9a; --warning: #ffcc80; --ok: #a5d6a7; } }
"""
# The browser loads nothing and runs nothing, whatever text a host returns.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(reports: Sequence[HostReport], when: str) -> str:
    """Return the page. ``when`` is the local time of the check."""
    body = "\n".join([*_hosts(reports), *_findings(reports), *(part for one in reports for part in _details(one))])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>Doctor: {_safe(last_line(reports))}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{_safe(last_line(reports))}</h1>
<p>Checked by selfhosted.llm.doctor on {_safe(when)}.</p>
{body}
</body>
</html>
"""


def _safe(value: Any) -> str:
    return escape(clean(value), quote=True)


def _hosts(reports: Sequence[HostReport]) -> Iterator[str]:
    rows = [aspects(one) for one in reports]
    names = list(dict.fromkeys(name for its in rows for name in its))
    yield '<div class="wide"><table><thead><tr><th></th>'
    yield from (f'<th scope="col">{_safe(one.name)}</th>' for one in reports)
    yield "</tr></thead><tbody>"
    for name in names:
        yield f'<tr><th scope="row">{_safe(name)}</th>'
        for report, its in zip(reports, rows):
            colour = f' class="{_worst(report)}"' if name == "state" else ""
            yield f"<td{colour}>{'<br>'.join(map(_safe, its.get(name, [])))}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _worst(report: HostReport) -> str:
    found = {one.severity for one in report.findings}
    return next((severity for severity in SEVERITIES if severity in found), "ok")


def _findings(reports: Sequence[HostReport]) -> Iterator[str]:
    found = [(report.name, one) for report in reports for one in report.findings]
    if not found:
        return
    yield '<h2>Findings</h2><div class="wide"><table><thead><tr><th>severity</th><th>host</th><th>id</th>'
    yield "<th>finding and fix</th></tr></thead><tbody>"
    yield from (_finding(host, one) for host, one in sorted(found, key=lambda one: SEVERITIES.index(one[1].severity)))
    yield "</tbody></table></div>"


def _finding(host: str, one: Finding) -> str:
    return (
        f'<tr><td class="{_safe(one.severity)}">{_safe(one.severity)}</td><td>{_safe(host)}</td>'
        f'<td><code>{_safe(one.id)}</code></td><td>{_safe(one.message)}<p class="fix">{_safe(one.fix)}</p></td></tr>'
    )


def _details(report: HostReport) -> Iterator[str]:
    if not report.reached:
        return
    facts = report.facts
    yield f"<h2>{_safe(report.name)}</h2>"
    yield from _list("Containers", facts.get("containers"), ("name", "image", "state", "health", "started", "restarts"))
    yield from _list("Listening ports", facts.get("ports"), ("address", "port", "process"))
    yield from _list("Networks", facts.get("networks"), ("name", "egress", "internal", "in_force", "kept", "opened"))
    yield from _list("GPUs", (facts.get("gpu") or {}).get("gpus"), ("name", "uuid", "bus_id", "driver_version"))
    yield from _list("File systems", facts.get("disks"), ("path", "holds", "size", "free", "inodes_free"))
    yield from _list("systemd units", facts.get("units"), ("name", "active", "sub"))


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
