# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be fetched and whether it can be: everything is asked at once, and each host's fault is told once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from ...host.deadline import at_once
from ...host.finding import ERROR, WARNING, Finding, error, listed
from .web import DNS, Proxies, Unreached, proxy_for, resolved

# Waits for one download: a manifest, a token with the manifest again, the start of a file.
MAX_WAITS = 3
# What to do, by kind: if a server does not answer, and if it does not have the file.
UNREACHED_FIXES = {
    "image": "Allow it in the firewall, set a proxy or a mirror for Docker (proxies, registry-mirrors in "
    "docker_daemon_options), or load the images yourself (ollama_pull and open_webui_pull: never).",
    "model": "Allow it in the firewall, set HTTPS_PROXY in ollama_environment, or set a mirror for the models.",
    "packages": "Allow it in the firewall, set https_proxy in the play's environment, or set a mirror.",
}
UNSERVED_FIXES = {
    "image": "Check its name and version.",
    "model": "Check its name in ollama_models and the version of Ollama.",
    "packages": "Check the address of the repository.",
}


class Unserved(Exception):
    """A server answers but does not serve a file. ``uncertain`` means that it may do so later, or with credentials."""

    def __init__(self, words: str, uncertain: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.uncertain = uncertain


@dataclass(frozen=True)
class Question:
    """Something to download. ``urls`` are its possible servers.

    ``ask`` gets the URLs whose host name resolves, and raises Unreached or Unserved. ``kind`` is image, model or
    packages.
    """

    kind: str
    what: str
    urls: Sequence[str]
    proxies: Proxies
    ask: Callable[[Sequence[str]], Any]


@dataclass(frozen=True)
class Answered:
    """The answer to a question: ``found``, or the ``fault``."""

    question: Question
    found: Any = None
    fault: Optional[Exception] = None


def ask_all(questions: Sequence[Question], seconds: float) -> List[Answered]:
    """Ask all questions in parallel, each wait at most ``seconds``; skip names that do not resolve."""
    hosts = sorted({_host(url, question.proxies) for question in questions for url in question.urls})
    names = resolved(hosts, seconds)
    known: List[Tuple[Question, List[str]]] = [
        (question, [url for url in question.urls if names[_host(url, question.proxies)] is None])
        for question in questions
    ]

    def job(question: Question, urls: Sequence[str]) -> Callable[[], Any]:
        return lambda: question.ask(urls)

    jobs = [job(question, urls) for question, urls in known if urls]
    late = Unreached("", "late", f"no answer for {MAX_WAITS * seconds:g} seconds")
    results = iter(at_once(jobs, MAX_WAITS * seconds, late))
    return [_answered(question, next(results) if urls else _unnamed(question, names)) for question, urls in known]


def _host(url: str, proxies: Proxies) -> str:
    return urlsplit(proxy_for(url, proxies) or url).hostname or ""


def _unnamed(question: Question, names: Dict[str, Optional[str]]) -> Unreached:
    host = _host(question.urls[-1], question.proxies)
    return Unreached(host, DNS, str(names[host]))


def _answered(question: Question, result: Any) -> Answered:
    if not isinstance(result, Exception):
        return Answered(question, found=result)
    if isinstance(result, Unreached):
        host = result.host or urlsplit(question.urls[-1]).netloc
        return Answered(question, fault=Unreached(host, result.kind, result.words))
    if isinstance(result, Unserved):
        return Answered(question, fault=result)
    # An unexpected answer is a fault of the registry, and no reason to stop the run.
    return Answered(question, fault=Unserved(f"its answer is unexpected ({type(result).__name__})", uncertain=True))


def findings(answers: Sequence[Answered], nameservers: Sequence[str]) -> Iterator[Finding]:
    """Yield one finding for all names that do not resolve, one for each silent host, and one for each refusal."""
    faults = [(one.question, one.fault) for one in answers if one.fault is not None]
    unnamed = [(question, fault) for question, fault in faults if isinstance(fault, Unreached) and fault.kind == DNS]
    if unnamed:
        yield _dns(unnamed, nameservers)
    silent: Dict[Tuple[str, str], List[Tuple[Question, Unreached]]] = {}
    for question, fault in faults:
        if isinstance(fault, Unreached) and fault.kind != DNS:
            silent.setdefault((fault.host, question.kind), []).append((question, fault))
    for (host, kind), those in silent.items():
        words = those[0][1].words
        wanted = listed(question.what for question, _fault in those)
        message = f"This host does not reach {host} ({words}), but needs {wanted} from there."
        yield error("reach", message, UNREACHED_FIXES[kind], host, words)
    for question, fault in faults:
        if isinstance(fault, Unserved):
            fix = "A run may still get it." if fault.uncertain else UNSERVED_FIXES[question.kind]
            what = f"{question.what[0].upper()}{question.what[1:]}"
            message = f"{what} cannot be downloaded: {fault.words}."
            yield Finding("reach", WARNING if fault.uncertain else ERROR, question.what, message, fix, fault.words)


def _dns(unnamed: Sequence[Tuple[Question, Unreached]], nameservers: Sequence[str]) -> Finding:
    hosts = listed(fault.host for _question, fault in unnamed)
    wanted = listed(question.what for question, _fault in unnamed)
    asked = f"asked {listed(nameservers)}" if nameservers else "/etc/resolv.conf has no nameserver"
    words = unnamed[0][1].words
    return error(
        "dns",
        f"The name of {hosts} does not resolve ({words}; {asked}), but this host needs {wanted} from there.",
        "Repair DNS (/etc/resolv.conf, `resolvectl status`), or set a proxy, which resolves names itself.",
        hosts,
        words,
    )
