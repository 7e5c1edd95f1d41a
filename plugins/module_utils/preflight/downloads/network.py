# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be fetched and whether it can be: everything is asked at once, and each host's fault is told once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from ...host.deadline import at_once
from ...host.finding import Finding, listed
from .web import DNS, Proxies, Unreached, proxy_for, resolved

# How many waits one thing may take: a manifest, a token, the manifest again, the start of a file.
MOST_WAITS = 3
WAYS = {
    "image": "let it through the firewall, set a proxy or a mirror for Docker (proxies, registry-mirrors in "
    "docker_daemon_options), or load the images yourself (ollama_pull and open_webui_pull: never)",
    "model": "let it through the firewall, set HTTPS_PROXY in ollama_environment, or give the models a mirror",
    "packages": "let it through the firewall, set https_proxy in the play's environment, or name a mirror",
}
CHECKS = {
    "image": "check its name and version",
    "model": "check its name in ollama_models and the version of Ollama",
    "packages": "check the repository's address",
}


class Unserved(Exception):
    """What a server that answers does not give. ``uncertain`` says that it may all the same, later or to others."""

    def __init__(self, words: str, uncertain: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.uncertain = uncertain


@dataclass(frozen=True)
class Question:
    """Something to fetch. ``urls`` are where it may be asked for, ``ask`` asks where names are resolved.

    ``ask`` gets those of the URLs whose host is known, and raises Unreached or Unserved. ``kind`` is image, model or
    packages.
    """

    kind: str
    what: str
    urls: Sequence[str]
    proxies: Proxies
    ask: Callable[[Sequence[str]], Any]


@dataclass(frozen=True)
class Answered:
    """What came of a question: ``found``, or the ``fault``."""

    question: Question
    found: Any = None
    fault: Optional[Exception] = None


def ask_all(questions: Sequence[Question], seconds: float) -> List[Answered]:
    """Ask everything at once; no wait is longer than ``seconds``, and none is made for a name that is not resolved."""
    hosts = sorted({_host(url, question.proxies) for question in questions for url in question.urls})
    names = resolved(hosts, seconds)
    known: List[Tuple[Question, List[str]]] = [
        (question, [url for url in question.urls if names[_host(url, question.proxies)] is None])
        for question in questions
    ]

    def job(question: Question, urls: Sequence[str]) -> Callable[[], Any]:
        return lambda: question.ask(urls)

    jobs = [job(question, urls) for question, urls in known if urls]
    late = Unreached("", "late", f"no answer for {MOST_WAITS * seconds:g} seconds")
    results = iter(at_once(jobs, MOST_WAITS * seconds, late))
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
    # An answer that nobody foresaw is the registry's, and no reason to stop a run.
    return Answered(question, fault=Unserved(f"it answered something odd ({type(result).__name__})", uncertain=True))


def findings(answers: Sequence[Answered], nameservers: Sequence[str]) -> Iterator[Finding]:
    """Yield one finding for all names that are not resolved, one for each silent host, and each refusal."""
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
        say = f"{host} is not reached from this host ({words}), and {wanted} must come from there: {WAYS[kind]}."
        yield Finding("reach", say, words, f"an answer of {host}", stops=True)
    for question, fault in faults:
        if isinstance(fault, Unserved):
            way = "a run may still get it" if fault.uncertain else CHECKS[question.kind]
            say = f"{question.what[0].upper()}{question.what[1:]} cannot be had, since {fault.words}: {way}."
            yield Finding("reach", say, fault.words, question.what, stops=not fault.uncertain)


def _dns(unnamed: Sequence[Tuple[Question, Unreached]], nameservers: Sequence[str]) -> Finding:
    hosts = listed(fault.host for _question, fault in unnamed)
    wanted = listed(question.what for question, _fault in unnamed)
    asked = f"asking {listed(nameservers)}" if nameservers else "no nameserver is set in /etc/resolv.conf"
    say = (
        f"The name of {hosts} is not resolved ({unnamed[0][1].words}; {asked}), and {wanted} must come from there: "
        f"mend DNS (/etc/resolv.conf, `resolvectl status`), or set a proxy, which resolves names itself."
    )
    return Finding("dns", say, unnamed[0][1].words, f"an address of {hosts}", stops=True)
