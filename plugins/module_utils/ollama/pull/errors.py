# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull errors: the cause of each, the fix, and whether another attempt may succeed."""

from __future__ import annotations

import re
from typing import NamedTuple, Tuple

from ..api.names import is_public
from .error_parts import Parts, parts
from .trouble import Trouble

FINAL, PASSING = False, True

_CLOSED = (
    "where its way out is closed (llm_egress), list the model in ollama_models, or open the way for the pull with "
    "docker_egress"
)
_PROXY = "the server's HTTPS_PROXY (ollama_environment)"
_CA = "in the container (SSL_CERT_FILE or SSL_CERT_DIR)"
_ALLOW = "let the proxy allow {host}, name it in NO_PROXY if the server reaches it itself, or pull from a mirror"
_LOGIN = "a login that the server does not have"
_KEY = (
    "check the name; for a closed model add the server's public key (id_ed25519.pub) to an account that may read it, "
    "or pull from a mirror that wants no login"
)
_LATER = "try again later"
_LINE = "try again later; where it goes on, look at the proxies and firewalls between"


class _Rule(NamedTuple):
    """``kinds`` are those of `Parts`, and empty for all; ``pattern`` is searched in its text, without case."""

    kinds: str
    pattern: str
    passing: bool
    cause: str
    fix: str


# The first rule that fits counts; {peer}, {host}, {status}, {text}, and the groups of the pattern are filled in.
# fmt: off
_RULES = tuple(_Rule(*row) for row in (
    # --- the model
    ("", r"\A412\b|newer version|requires? ollama v?(version )?\d|(supported by|compatible with) your version", FINAL,
     "this model needs a newer Ollama", "upgrade the server first"),
    ("", r"requires? (macOS|Apple)|only (runs |supported |available )?on (macOS|Apple)", FINAL,
     "this model runs only on macOS", "take another tag of it, one with GGUF files"),
    ("", r"requires MLX|MLX (runtime|support)", FINAL, "this model is in a format that the server cannot run (MLX)",
     "take a tag with GGUF files, or a server whose image has MLX"),
    ("", r"cloud is disabled", FINAL, "this model runs on ollama.com, which this server must not use",
     "take a tag without 'cloud', or drop OLLAMA_NO_CLOUD"),
    ("", r"cloud model|remote model|signin_url|signed in", FINAL, "this model runs on ollama.com, not on your server",
     "take a tag without 'cloud', or sign the server in there (ollama signin)"),
    ("", r"invalid model (name|path)|unqualified name", FINAL, "the server does not take this name",
     "check the name and the tag"),
    ("", r"insecure protocol http", FINAL, "the name begins with http://", "leave that out and set insecure"),
    # --- sign-in
    ("",
     r"realm host \"(www\.)?(registry\.)?ollama\.(ai|com)(:\d+)?\" .* host \"(registry\.)?ollama\.(ai|com)(:\d+)?\"",
     PASSING, "the registry sent its sign-in to another host, as in an outage of ollama.com that passed", _LATER),
    ("", r"realm host \"(www\.)?(hf\.co|huggingface\.co)(:\d+)?\" .* host \"(hf\.co|huggingface\.co)(:\d+)?\"", FINAL,
     "hf.co sends sign-ins to huggingface.co, and this version of Ollama does not follow",
     ("write the name as huggingface.co/USER/REPOSITORY:TAG; if that is refused as well, the repository is closed "
      "(private or gated) or does not exist")),
    ("", r"realm host \"\"|unsupported protocol scheme \"\"", FINAL,
     "the registry wants a password, which Ollama cannot give",
     "let the registry serve models without one, or pull from a mirror that does"),
    ("", r"realm host \"(?P<one>[^\"]*)\" does not match original host \"(?P<other>[^\"]*)\"", FINAL,
     "the registry {other} has its sign-in on another host ({one}), which Ollama refuses from 0.14.3 on",
     ("serve the sign-in on {other} itself, let the registry serve models without one, or pull from a mirror "
      "that does")),
    ("", r"\Assh: no key found|\Assh: |asn1: |malformed public key|private key type", FINAL,
     "the server's own key (id_ed25519, beside its models) is damaged",
     "remove id_ed25519 and id_ed25519.pub and restart the server, which makes a new pair"),
    ("", r"/id_ed25519(\.pub)?: no such file", FINAL, "the server's own key (id_ed25519) is missing",
     "restart the server, which makes a new one"),
    ("", r"/id_ed25519(\.pub)?: ", FINAL, "the server cannot read its own key",
     "give the key to the user that the server runs as"),
    ("", r"\$HOME is not defined", FINAL, "the server runs without HOME, where it keeps its key and its models",
     "set HOME in its environment"),
    # --- the server's host: its errors come in any place
    ("file dns other proxy", r"too many open files", PASSING, "the server has too many files open",
     "raise its limit (ulimit nofile), or pull fewer models at once (workers)"),
    ("file dns other proxy", r"cannot allocate memory|no buffer space|resource temporarily unavailable", PASSING,
     "the server's host has run short of memory or of connections", "free some, and try again"),
    ("file other", r"no space left|not enough (disk )?space", FINAL, "the server's disk is full",
     "free space where it keeps its models"),
    ("file other", r"quota exceeded", FINAL, "the disk quota of the server is used up",
     "raise it, or free space where it keeps its models"),
    ("file other", r"input/output error|structure needs cleaning|bad message", FINAL,
     "the disk that holds the server's models reports errors",
     "look at the kernel's log (dmesg), and check the disk and its file system"),
    ("file other", r"file too large", FINAL, "a file is larger than the server may write",
     "keep the models on a file system that takes such files (not FAT), and look at the server's ulimit fsize"),
    ("file other", r"read-only file system", FINAL, "the server cannot write where it keeps its models",
     "mount that writable, or pull by the server that writes it (volume_read_only)"),
    ("file other", r"(?<!connect: )(permission denied|operation not permitted)", FINAL,
     "the server cannot write where it keeps its models", "give the folder to the user that the server runs as"),
    ("file", r"stale (NFS )?file handle|endpoint is not connected|no such device|host is down", FINAL,
     "the file system where the server keeps its models is gone", "mount it again and restart the server"),
    ("file other", r"used by another process", PASSING, "another program has a file of the server's store open",
     "let it go on, and try again"),
    ("file", r"-partial[-\d]*: no such file|\A(rename|remove|chtimes) .*: no such file|already closed", PASSING,
     "a file vanished while it was downloaded, as when the server restarts or two servers share a volume",
     "let one server write a volume"),
    ("file", r"no such file|not a directory|is a directory|file exists|too many levels", FINAL,
     "the folder where the server keeps its models is gone or broken",
     "check its volume and OLLAMA_MODELS, and restart the server"),
    ("file", "", FINAL, "the server cannot write where it keeps its models", "look at its volume and its disk"),
    # --- the proxy: a connection that it did not let through
    ("connect", r"\A(proxy auth|auth|unauthorized)", FINAL, "the server's proxy wants a user and a password",
     f"write them in {_PROXY}: http://USER:PASSWORD@HOST:PORT"),
    ("connect", r"\Aforbidden|denied|blocked|policy|(host|site|url|domain) not allowed|\Aunavailable for", FINAL,
     "the server's proxy does not let connections to {host} through", _ALLOW),
    ("connect", r"\Atoo many requests", PASSING, "the server's proxy wants fewer requests than it gets", _LATER),
    ("connect", (r"\A(bad gateway|service unavailable|gateway time-?out|internal server error|request time-?out"
     r"|proxy error|.*(timed? ?-?out|unreachable|temporar|tunnel|connect))"), PASSING,
     "the server's proxy does not reach {host}", f"check the proxy's own way to {{host}}, and {_PROXY}"),
    ("connect", r"dns|resol|(host|domain|name) not found", FINAL,
     "the server's proxy does not find {host} by its name", "check the name, and the DNS of the proxy"),
    ("connect", r"\Anetwork authentication required", FINAL, "the network wants a sign-in first",
     "sign the server's host in, or let it out without"),
    ("connect", "", FINAL, "what the server takes for its proxy opens no connection to {host}",
     f"check that {_PROXY} names a proxy for HTTPS"),
    # --- the proxy: not reached
    ("proxy", r"first record|HTTP response to HTTPS", FINAL,
     "{peer} speaks plain HTTP, and HTTPS_PROXY begins with https://",
     f"write http:// in {_PROXY}; what is pulled stays under TLS"),
    ("proxy", r"current time (?P<one>\S+) is before (?P<other>\S+)", FINAL,
     "the server's clock is wrong ({one}), before the certificate of {peer} begins ({other})",
     "set the clock of its host (NTP)"),
    ("proxy", r"x509|certificate", FINAL, "the server does not trust the certificate of {peer}",
     f"add its CA {_CA}, or write http:// in {_PROXY} where the proxy takes that"),
    ("proxy", r"no such host", FINAL, "the server cannot find its proxy by its name",
     f"correct {_PROXY}, or the DNS of its host"),
    ("proxy", r"missing (port|address)|unknown port|too many colons|invalid (port|proxy|URL port)|unknown scheme",
     FINAL, "the address of the server's proxy is invalid", f"correct {_PROXY}: http://HOST:PORT"),
    ("proxy", r"authentication", FINAL, "{peer} wants a user and a password",
     f"write them in {_PROXY}: socks5://USER:PASSWORD@HOST:PORT"),
    ("proxy", r"not allowed by ruleset", FINAL, "{peer} does not let connections to {host} through", _ALLOW),
    ("proxy", r"unexpected protocol version|not supported|malformed|handshake failure|protocol version|tls: ", FINAL,
     "{peer} does not speak what its address says",
     f"correct the scheme (http://, https:// or socks5://) or the port in {_PROXY}"),
    ("proxy", r"unknown error|unreachable.*SOCKS|SOCKS server failure|TTL expired", PASSING,
     "{peer} does not reach {host}", "check the proxy's own way to {host}"),
    ("proxy", r"permission denied|operation not permitted", FINAL, "the server's host forbids connections to {peer}",
     "look at its firewall"),
    ("proxy", r"(connection|actively) refused", PASSING, "nothing listens at {peer}",
     f"start the proxy, or correct {_PROXY}"),
    ("proxy", r"lookup ", PASSING, "the server gets no answer where it asks for the address of its proxy",
     f"check the DNS of its host, and {_PROXY}"),
    ("proxy", "", PASSING, "{peer} does not answer, or breaks connections off",
     f"check that it runs and can be reached from the server's container, and {_PROXY}"),
    ("", r"invalid proxy|proxy.*(unknown|unsupported) .*scheme|\Aproxy: ", FINAL,
     "the address of the server's proxy is invalid", f"correct {_PROXY}: http://HOST:PORT"),
    # --- answers of a registry, by what they say
    ("http other", r"sharded GGUF", FINAL, "this tag is a GGUF file in shards, which Ollama does not pull",
     "take another tag, or download the shards and give the first one as files"),
    ("http other", r"not a valid quantization|tag is not available|invalid (rev|tag)|TAG_INVALID", FINAL,
     "the repository has no such tag", "take one of the quantizations that its page lists, such as Q4_K_M"),
    ("http other", r"not GGUF|not compatible with llama\.cpp|no GGUF", FINAL,
     "the repository has no GGUF files that Ollama can run", "take one that has them (often named ...-GGUF)"),
    ("http other", r"invalid (username|credentials)", FINAL,
     "the repository is closed (private or gated), or does not exist",
     "check the name; for a closed one add the server's public key (id_ed25519.pub) to an account that may read it"),
    ("http other", r"is restricted|authorized list|awaiting a review|gated", FINAL,
     "the repository is gated, and the server's account has no access",
     "ask for access on its page, and add the server's public key (id_ed25519.pub) to the account that has it"),
    ("http", r"request has expired|ExpiredToken|expired token", PASSING,
     "the address that the registry gave for a file has expired", "try again, which asks for a new one"),
    ("http", r"RequestTimeTooSkewed", FINAL, "the clock of the server's host is wrong",
     "set it (NTP); the registry refuses requests of another time"),
    ("http", r"plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server", FINAL,
     "the registry speaks TLS on this port", "leave insecure out"),
    ("http", r"you have been blocked|attention required|just a moment|cf-chl|error code: 10(0[6-9]|10|12|20)\b",
     FINAL, "the registry's protection (Cloudflare) blocks the address of this server",
     "pull by another way out, or from a mirror"),
    ("http other", r"TOO_?MANY_?REQUESTS|rate.?limit|\A429\b", PASSING,
     "the registry wants fewer requests than it gets, so that a download does not hold",
     "wait some minutes, pull fewer models at once, or use a mirror"),
    ("http other", (r"(MANIFEST|NAME|REPOSITORY)_UNKNOWN|MANIFEST_INVALID|manifest unknown"
     r"|(repository|model) .*not found|repository name not known"), FINAL, "the registry has no such model",
     "check the name and the tag"),
    ("http other", r"BLOB_UNKNOWN|blob unknown", FINAL, "the registry lacks a file that its manifest names",
     "push the model to it again, or take another one"),
    ("http other", r"NAME_INVALID", FINAL, "the registry does not take this name", "check the name and the tag"),
    ("http other", r"\"(DENIED|UNAUTHORIZED)\"|code (DENIED|UNAUTHORIZED)|requested access|authentication required",
     FINAL, f"the registry wants {_LOGIN}", _KEY),
    # --- answers of a registry, by their status
    ("http", r"\A401\b", FINAL, f"the registry wants {_LOGIN} (401)", _KEY),
    ("http", r"\A403\b", FINAL, f"the registry wants {_LOGIN}, or a proxy or firewall on the way forbids it (403)",
     "let the registry serve the model without one, or let the server reach it"),
    ("http", r"\A407\b", FINAL, "the server's proxy wants a user and a password (407)",
     f"write them in {_PROXY}: http://USER:PASSWORD@HOST:PORT"),
    ("http", r"\A(408|421|425|499)\b", PASSING,
     "the connection between the server and the registry does not hold ({status})", _LATER),
    ("http", r"\A451\b", FINAL, "the registry may not serve this model here, for legal reasons", "take another one"),
    ("http", r"\A511\b", FINAL, "the network wants a sign-in first (511)",
     "sign the server's host in, or let it out without"),
    ("http", r"\A507\b", FINAL, "the disk of the registry or mirror is full (507)", "free space there"),
    ("http", r"\A(405|501|505)\b", FINAL, "what answers is no registry, or one that Ollama cannot use ({status})",
     "check the name's host, and the mirror"),
    ("http", r"\A(502|504|5[2-9]\d)\b", PASSING, "the gateway before the registry gets no answer from it ({status})",
     _LATER),
    ("http", r"\A503\b", PASSING, "the registry does not serve at the moment (503)", _LATER),
    ("http", r"\A5\d\d\b", PASSING, "the registry has an error of its own ({status})", _LATER),
    ("", r"\A(404|410)\b|file does not exist|model not found", FINAL, "@missing", ""),
    ("http", "", FINAL, "the registry does not take the request ({status})",
     "check the name and the tag, and what the registry says"),
    # --- what a registry sent
    ("", r"unauthorized|(?<!tls: )access denied", FINAL, f"the registry wants {_LOGIN}", _KEY),
    ("", r"no Location header|unexpected status code 2\d\d", FINAL,
     "the registry sends files itself, without the Location header that Ollama asks for",
     "put a proxy before it that adds the header, or use another registry"),
    ("", r"unexpected status code 3\d\d", FINAL, "the registry redirects in a way that Ollama does not follow",
     "let it redirect with 307"),
    ("", r"stopped after \d+ redirects|(maximum|too many) redirects", FINAL, "the registry redirects in a circle",
     "mend it, or what stands before it"),
    ("dns other",
     r"unknown port|missing (address|port)|invalid (URL )?port|too many colons|in host name|path segment", FINAL,
     "the registry's address is invalid", "correct the host and port in the name"),
    ("", r"\Ainternal (server )?error", PASSING, "the server itself failed", "look at its log"),
    ("", r"invalid character '<'", FINAL,
     "what the registry sent is no manifest but an HTML page, such as the sign-in page of a network or proxy",
     "check the host in the name, and that the server gets there without a sign-in on the way"),
    ("", r"unexpected end of JSON|invalid digest format|cannot unmarshal|invalid character", FINAL,
     "what the registry sent is no manifest", "check the host in the name, and what stands before it"),
    ("", r"(digest|sha256|size) mismatch", PASSING, "what arrived is not what the manifest names",
     "look at the registry, or a cache or proxy before it"),
    # --- TLS
    ("", r"HTTP response to HTTPS|not look like a TLS handshake", FINAL, "@plain", ""),
    ("", r"current time (?P<one>\S+) is before (?P<other>\S+)", FINAL,
     "the server's clock is wrong ({one}), before the certificate of {peer} begins ({other})",
     "set the clock of its host (NTP)"),
    ("", r"(current time (?P<one>\S+) is after (?P<other>\S+)|(?P<x>has expired|is expired))", FINAL,
     "the certificate of {peer} has expired, as the server's clock has it",
     "check the clock of the server's host (NTP); a registry of your own needs a new certificate"),
    ("", r"certificate is (not )?valid for|cannot validate certificate|SANs|not valid for any names|Common Name",
     FINAL, "@names", ""),
    ("", r"system roots|no roots", FINAL, "the server has no CA certificates to check others by", f"put them {_CA}"),
    ("",
     r"tls: (access denied|(bad|unknown) certificate|certificate (required|unknown|expired|revoked)|unknown cert)",
     FINAL, "{peer} wants a certificate of the client, which Ollama cannot give",
     "let it serve models without one, or pull from a mirror that does"),
    ("", r"x509|certificate", FINAL, "@certificate", ""),
    ("", r"bad record MAC|tls: internal error|tls: user canceled", PASSING,
     "the connection between the server and the registry does not hold", _LINE),
    ("", r"malformed HTTP|malformed MIME", FINAL, "{peer} does not speak HTTP on this port",
     "leave insecure out if it speaks TLS, else correct the port"),
    ("", r"handshake failure|protocol version|unrecognized name|tls: (server selected|no |unsupported|oversized)",
     FINAL, "the server and {peer} do not agree on a version or cipher of TLS",
     "look at what ends TLS there: it needs TLS 1.2 or newer, and this name"),
    # --- names
    ("dns other", r"no such host|host is known", FINAL, "@name", ""),
    ("dns", "", PASSING, "the server gets no answer where it asks for the registry's address",
     f"{_CLOSED}; else check the DNS of its host and container"),
    # --- connections
    ("", r"\Acontext canceled|operation was canceled", PASSING,
     "the pull was broken off, as when it joins one that the server is just ending", _LATER),
    ("", r"\Apart stalled|download (stalled|too slow)", PASSING,
     "the registry, or the line to it, sends no more bytes or too few", _LATER),
    ("", r"no route to host", PASSING, "the server has no route to {peer}", _CLOSED),
    ("", r"network is (unreachable|down)|unreachable network|assign requested address|address family not", PASSING,
     "the server has no route to {peer}", f"check the network of its host, and IPv6 if that is meant; {_CLOSED}"),
    ("", r"connect: (permission denied|operation not permitted)", FINAL,
     "the server's host forbids connections to {peer}", "look at its firewall"),
    ("", r"(connection|actively) refused", PASSING, "nothing answers at {peer}, as the server sees it",
     "check that it runs, and the firewall between"),
    ("", (r"connect: |\Ai/o timeout|TLS handshake timeout|properly respond|host is down|Client\.Timeout"
     r"|awaiting (response )?headers"), PASSING, "{peer} did not answer in time",
     f"check the firewall between, and set {_PROXY} if it needs a proxy; {_CLOSED}"),
    # All that 0.9.3 lets out of half a minute of refusals, of whatever kind.
    ("bare", r"\Acontext deadline exceeded", PASSING,
     "the registry refused a file for 30 seconds, or the connection to it does not hold", "see the server's log"),
    ("retried", r"\A(unexpected )?EOF\Z|\A\Z", PASSING,
     "the registry breaks a file off again and again, or sends something else in its place", _LATER),
    ("", (r"EOF|time-?d? ?-?out|deadline exceeded|reset by peer|broken pipe|unreachable|temporary failure|try again"
          r"|stream (error|ID)|http2: |GOAWAY|use of closed|connection abort|transport connection|server closed"
          r"|connection lost|forcibly closed"
          r"|closed (response )?body|request canceled|interrupted system call|protocol error|\bmax retries"), PASSING,
     "the connection between the server and the registry does not hold", _LINE),
    ("retried", "", PASSING, "the connection between the server and the registry does not hold", _LINE),
))
# fmt: on

# Cause and fix for a manifest, then for a file; for the registry itself, then for where it keeps its files; and for a
# registry of one's own, then for those of the internet, which have good certificates and no plain HTTP.
_BY_PLACE = {
    "@missing": (
        ("the registry has no such model", "check the name and the tag"),
        ("the registry lacks a file that its manifest names", "push the model to it again, or take another one"),
    ),
    "@name": (
        ("the server cannot find {peer} by its name", "check the name, and the DNS of the server's host"),
        (
            "the server cannot find {host} by its name, where the registry sent it for a file",
            "check the DNS of its host: some DNS servers do not know such names, or block them",
        ),
    ),
    "@plain": (
        ("the registry speaks plain HTTP", "set insecure if the network between is trusted"),
        (
            "something before {peer} answers by plain HTTP, such as a proxy, a firewall or a sign-in page",
            f"let the server reach it, by {_PROXY} where it must; insecure does not help",
        ),
    ),
    "@certificate": (
        ("the server does not trust the registry's certificate", f"add its CA {_CA}"),
        (
            "the server does not trust the certificate for {peer}, as behind a proxy or firewall that reads TLS",
            f"add the CA of that {_CA}",
        ),
    ),
    "@names": (
        (
            "the certificate of {peer} is for other names",
            "pull by a name that is in it, or give the registry one that has this name",
        ),
        (
            "another server answers in place of {peer}, with a certificate for other names",
            "check the addresses that the DNS of the server's host gives, and the proxies and firewalls between",
        ),
    ),
}


def trouble(words: str, registry: str = "") -> Trouble:
    """Return what an error of a pull means; ``registry`` is the host in the model's name, where it is known."""
    error = parts(words, registry)
    kinds = {error.kind, *(("retried",) if error.retried else ()), *(("bare",) if error.text == words.strip() else ())}
    for rule in _RULES:
        if rule.kinds and not kinds.intersection(rule.kinds.split()):
            continue
        found = re.search(rule.pattern, error.text, re.IGNORECASE | re.DOTALL)
        if found:
            cause, fix = _by_place(rule.cause, error) if rule.cause.startswith("@") else (rule.cause, rule.fix)
            filled = {**vars(error), "host": error.host or "the registry", **found.groupdict()}
            return Trouble(
                words,
                cause=cause.format(**filled),
                fix=fix.format(**filled),
                passing=rule.passing,
                mismatch="mismatch" in error.text,
            )
    return Trouble(words)


def _by_place(what: str, error: Parts) -> Tuple[str, str]:
    """Return cause and fix of an error whose meaning depends on who was asked for what."""
    if what == "@missing":
        near = error.manifest
    elif what == "@name":
        near = error.peer.startswith("the registry")
    else:
        near = not is_public(error.host)
    return _BY_PLACE[what][0 if near else 1]
