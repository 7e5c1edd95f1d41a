"""Each error of a pull: whether another attempt may succeed, its cause, and its fix.

The sentences are Ollama's own, 0.9.3 to 0.32.15, Go's, and those of registries, proxies and file systems.
"""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.pull.errors import trouble

FINAL, PASSING = False, True
OL = 'Get "https://registry.ollama.ai/v2/library/llama3/manifests/latest": '
LAB = 'Get "https://reg.lab:5000/v2/library/m/manifests/1": '
CDN = 'max retries exceeded: Get "https://dd20.r2.cloudflarestorage.com/ollama/docker/registry/v2/x?X-Amz-Expires=9": '
SOCKS = f"{OL}socks connect tcp 127.0.0.1:1080->registry.ollama.ai:443: "
X509 = "tls: failed to verify certificate: x509: "
NEWER = "412: \n\nThe model you are attempting to pull requires a newer version of Ollama.\n\nPlease download\n\n"
EARLY = "x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2024-01-01"
ACTIVE = "connectex: No connection could be made because the target machine actively refused it."
FORCED = "read tcp 10.0.0.1:9->10.0.0.2:443: wsarecv: An existing connection was forcibly closed by the remote host."
GOAWAY = 'http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""'
BLOB = "/root/.ollama/models/blobs/sha256-aa-partial"

# (the error after `pull model manifest: `, passing or final, a part of the cause, a part of the fix)
MANIFEST = [
    # the model
    ("file does not exist", FINAL, "no such model", "check the name and the tag"),
    ("404", FINAL, "no such model", "check the name and the tag"),
    ("404: not here", FINAL, "no such model", "check the name and the tag"),
    ("410: gone", FINAL, "no such model", "check the name and the tag"),
    ("this model requires a newer version of Ollama", FINAL, "needs a newer Ollama", "upgrade the server"),
    ("412", FINAL, "needs a newer Ollama", "upgrade the server"),
    (NEWER, FINAL, "needs a newer Ollama", "upgrade the server"),
    # the server's key
    ("ssh: no key found", FINAL, "key (id_ed25519, beside its models) is damaged", "restart the server"),
    ("ssh: this private key is passphrase protected", FINAL, "id_ed25519", "restart the server"),
    ("open /root/.ollama/id_ed25519: no such file or directory", FINAL, "key (id_ed25519) is missing", "restart"),
    ("open /root/.ollama/id_ed25519: permission denied", FINAL, "cannot read its own key", "give the key to the user"),
    # Hugging Face
    (
        '400: {"error":"The specified tag is not available in the repository. Please use another tag or \\"latest\\""}',
        FINAL,
        "the repository has no such tag",
        "quantizations that its page lists",
    ),
    ("400: The specified tag is not a valid quantization scheme.", FINAL, "has no such tag", "its page lists"),
    ('400: {"error":"The specified tag is a sharded GGUF. Ollama does not"}', FINAL, "in shards", "as files"),
    ('400: {"error":"The specified repository contains sharded GGUF."}', FINAL, "in shards", "take another tag"),
    ('400: {"error":"Repository is not GGUF or is not compatible with llama.cpp"}', FINAL, "no GGUF files", "-GGUF"),
    (
        '401: {"error":"Invalid username or password."}',
        FINAL,
        "closed (private or gated), or does not",
        "id_ed25519.pub",
    ),
    ('403: {"error":"Access to model a/F is restricted and you are not in the"}', FINAL, "is gated", "ask for access"),
    ('403: {"error":"Your request to access model a/F is awaiting a review"}', FINAL, "is gated", "ask for access"),
    ('429: {"error":"We had to rate limit your IP"}', PASSING, "fewer requests", "wait"),
    # codes of registries
    ('400: {"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}', FINAL, "no such model", "the tag"),
    ('429: {"errors":[{"code":"TOOMANYREQUESTS"}]}', PASSING, "fewer requests", "wait"),
    ('403: {"errors":[{"code":"TOOMANYREQUESTS"}]}', PASSING, "fewer requests", "wait"),
    ('401: {"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}', FINAL, "wants a login", "mirror"),
    ('403: {"errors":[{"code":"DENIED","message":"requested access is denied"}]}', FINAL, "wants a login", "mirror"),
    ('400: {"errors":[{"code":"MANIFEST_UNKNOWN"}]}', FINAL, "no such model", "the name and the tag"),
    ('404: {"errors":[{"code":"NAME_UNKNOWN"}]}', FINAL, "no such model", "the name and the tag"),
    ('400: {"errors":[{"code":"BLOB_UNKNOWN"}]}', FINAL, "lacks a file that its manifest names", "push the model"),
    ('500: {"errors":[{"code":"INTERNAL_ERROR","message":"x509 macOS"}]}', PASSING, "error of its own (500)", "later"),
    # statuses
    ("403: error code: 1020", FINAL, "Cloudflare", "mirror"),
    ("503: no healthy upstream", PASSING, "does not serve at the moment", "later"),
    ("400: oops", FINAL, "does not take the request (400)", "what the registry says"),
    ("401: ", FINAL, "wants a login", "id_ed25519.pub"),
    (
        "403: no",
        FINAL,
        "wants a login that the server does not have, or a proxy or firewall",
        "let the server reach it",
    ),
    ("407: ", FINAL, "server's proxy wants a user and a password", "HTTPS_PROXY"),
    ("408: ", PASSING, "does not hold", "later"),
    ("425: ", PASSING, "does not hold", "later"),
    ("451: ", FINAL, "legal", "another"),
    ("501: ", FINAL, "no registry", "host"),
    ("502: <html><title>502 Bad Gateway</title>only on macOS, MLX support</html>", PASSING, "gateway", "later"),
    ("503: busy", PASSING, "does not serve at the moment", "later"),
    ("504: ", PASSING, "gateway", "later"),
    ("507: ", FINAL, "disk of the registry", "free space"),
    ("511: ", FINAL, "the network wants a sign-in", "sign the server's host in"),
    *((f"{status}: <html>error code: {status}</html>", PASSING, "gateway", "later") for status in range(520, 528)),
    ("524: <html>A timeout occurred</html>", PASSING, "gateway", "later"),
    ("530: <html>error code: 1016</html>", PASSING, "gateway", "later"),
    (
        "500: <!DOCTYPE html>\n\n<html><title>ollama.ai | 500: Internal server error</title>\n",
        PASSING,
        "error of its own",
        "later",
    ),
    ("403: <html><title>Attention Required! | Cloudflare</title></html>", FINAL, "Cloudflare", "mirror"),
    ("400: <html><title>400 The plain HTTP request was sent to HTTPS port</title>", FINAL, "TLS", "leave insecure out"),
    ("400: Client sent an HTTP request to an HTTPS server.", FINAL, "speaks TLS", "leave insecure out"),
    ("registry responded with status 503", PASSING, "does not serve", "later"),
    ("registry responded with status 404: code MANIFEST_UNKNOWN: manifest unknown", FINAL, "no such model", "name"),
    # what came is no manifest
    ("invalid character '<' looking for beginning of value", FINAL, "no manifest but an HTML page", "sign-in"),
    ("invalid character 'p' after top-level value", FINAL, "no manifest", "check the host"),
    ("unexpected end of JSON input", FINAL, "no manifest", "check the host"),
    ("json: cannot unmarshal string into Go value of type manifest.Manifest", FINAL, "no manifest", "check the host"),
    # sign-in
    ('Get "harbor?nonce=x&scope=&service=&ts=1": unsupported protocol scheme ""', FINAL, "wants a password", "mirror"),
    ("unauthorized: access denied", FINAL, "wants a login", "id_ed25519.pub"),
    ('Get "": unsupported protocol scheme ""', FINAL, "wants a password, which Ollama cannot give", "mirror"),
    (
        'realm host "" does not match original host "reg.lab:5000"',
        FINAL,
        "a password, which Ollama cannot give",
        "mirror",
    ),
    (
        'realm host "auth.lab" does not match original host "reg.lab:5000"',
        FINAL,
        "the registry reg.lab:5000 has its sign-in on another host (auth.lab)",
        "serve the sign-in on reg.lab:5000 itself",
    ),
    ('realm host "ollama.com" does not match original host "registry.ollama.ai"', PASSING, "outage", "later"),
    ('realm host "registry.ollama.ai" does not match original host "ollama.com"', PASSING, "outage", "later"),
    ('realm host "ollama.com.evil" does not match original host "registry.ollama.ai"', FINAL, "another host", "mirror"),
    (
        'realm host "huggingface.co" does not match original host "hf.co"',
        FINAL,
        "hf.co sends sign-ins to huggingface.co",
        "huggingface.co/USER/REPOSITORY:TAG; if that is refused as well, the repository is closed",
    ),
    # a proxy that lets no connection through: the status of its answer in words, and nothing else
    (f"{OL}Bad Gateway", PASSING, "server's proxy does not reach registry.ollama.ai", "HTTPS_PROXY"),
    (f"{OL}Service Unavailable", PASSING, "server's proxy does not reach registry.ollama.ai", "HTTPS_PROXY"),
    (f"{OL}Gateway Timeout", PASSING, "server's proxy does not reach", "HTTPS_PROXY"),
    (f"{OL}Gateway Time-out", PASSING, "server's proxy does not reach", "HTTPS_PROXY"),
    (f"{OL}Internal Server Error", PASSING, "server's proxy does not reach", "HTTPS_PROXY"),
    (f"{OL}Too Many Requests", PASSING, "server's proxy wants fewer requests", "later"),
    (f"{OL}Forbidden", FINAL, "server's proxy does not let connections to registry.ollama.ai", "allow"),
    (f"{OL}Host Not Allowed By Policy", FINAL, "does not let connections to registry.ollama.ai", "allow"),
    (f"{OL}Proxy Authentication Required", FINAL, "server's proxy wants a user and a password", "HTTPS_PROXY"),
    (f"{OL}authenticationrequired", FINAL, "server's proxy wants a user and a password", "HTTPS_PROXY"),
    (f"{OL}Unauthorized", FINAL, "server's proxy wants a user and a password", "HTTPS_PROXY"),
    (f"{OL}Bad Request", FINAL, "takes for its proxy opens no connection", "names a proxy for HTTPS"),
    (f"{OL}Method Not Allowed", FINAL, "takes for its proxy opens no connection", "names a proxy for HTTPS"),
    (f"{OL}Not Found", FINAL, "takes for its proxy opens no connection", "names a proxy for HTTPS"),
    (f"{OL}DNS Resolution Failed", FINAL, "does not find registry.ollama.ai by its name", "DNS of the proxy"),
    ("Bad Gateway", PASSING, "server's proxy does not reach the registry", "HTTPS_PROXY"),
    ("Forbidden", FINAL, "server's proxy does not let connections to the registry", "allow"),
    # a proxy that is not reached
    (f"{OL}proxyconnect tcp: dial tcp 127.0.0.1:1080: {ACTIVE}", PASSING, "proxy 127.0.0.1:1080", "start the proxy"),
    (
        f"{OL}proxyconnect tcp: dial tcp 10.1.2.3:1080: connect: connection refused",
        PASSING,
        "proxy 10.1.2.3:1080",
        "start",
    ),
    (f"{OL}proxyconnect tcp: dial tcp 10.1.2.3:3128: i/o timeout", PASSING, "proxy 10.1.2.3:3128", "HTTPS_PROXY"),
    (f"{OL}proxyconnect tcp: dial tcp 10.1.2.3:3128: connect: no route to host", PASSING, "proxy", "HTTPS_PROXY"),
    (f"{OL}proxyconnect tcp: EOF", PASSING, "the server's proxy", "HTTPS_PROXY"),
    (f"{OL}proxyconnect tcp: net/http: TLS handshake timeout", PASSING, "the server's proxy", "HTTPS_PROXY"),
    (f"{OL}proxyconnect tcp: dial tcp: lookup proxy.corp on 127.0.0.11:53: no such host", FINAL, "proxy by its", "DNS"),
    (f"{OL}proxyconnect tcp: dial tcp: lookup proxy.corp: i/o timeout", PASSING, "address of its proxy", "DNS"),
    (f"{OL}proxyconnect tcp: dial tcp: address proxy: missing port in address", FINAL, "address of the", "http://HOST"),
    (f"{OL}proxyconnect tcp: tls: first record does not look like a TLS handshake", FINAL, "https://", "write http://"),
    (f"{OL}proxyconnect tcp: http: server gave HTTP response to HTTPS client", FINAL, "https://", "write http://"),
    (
        f"{OL}proxyconnect tcp: {X509}certificate signed by unknown authority",
        FINAL,
        "certificate of the server's proxy",
        "CA",
    ),
    (f"{OL}proxyconnect tcp: remote error: tls: handshake failure", FINAL, "does not speak what its address", "scheme"),
    (f'{OL}proxyconnect tcp: malformed HTTP response "SSH-2.0-OpenSSH"', FINAL, "does not speak what", "scheme"),
    (
        f"{SOCKS}dial tcp 127.0.0.1:1080: connect: connection refused",
        PASSING,
        "proxy 127.0.0.1:1080",
        "start the proxy",
    ),
    (f"{SOCKS}unknown error general SOCKS server failure", PASSING, "does not reach registry.ollama.ai", "own way"),
    (f"{SOCKS}unknown error host unreachable", PASSING, "does not reach registry.ollama.ai", "own way"),
    (f"{SOCKS}unknown error connection not allowed by ruleset", FINAL, "does not let connections", "allow"),
    (f"{SOCKS}username/password authentication failed", FINAL, "wants a user and a password", "socks5://USER"),
    (f"{SOCKS}no acceptable authentication methods", FINAL, "wants a user and a password", "socks5://USER"),
    (f"{SOCKS}unexpected protocol version 72", FINAL, "does not speak what its address says", "scheme"),
    # names
    (f"{OL}dial tcp: lookup registry.ollama.ai: getaddrinfow: No such host is known.", FINAL, "by its name", "DNS"),
    (
        f"{OL}dial tcp: lookup registry.ollama.ai: getaddrinfow: This is usually a temporary error",
        PASSING,
        "asks",
        "DNS",
    ),
    (f"{OL}dial tcp: lookup registry.ollama.ai: no such host", FINAL, "by its name", "check the name, and the DNS"),
    (
        f"{LAB}dial tcp: lookup reg.lab on 192.0.2.53:53: no such host",
        FINAL,
        "registry reg.lab:5000 by its name",
        "DNS",
    ),
    (
        f"{OL}dial tcp: lookup registry.ollama.ai on [::1]:53: read udp [::1]:9->[::1]:53: read: connection refused",
        PASSING,
        "no answer where it asks for the registry's address",
        "DNS",
    ),
    (
        f"{OL}dial tcp: lookup registry.ollama.ai on 127.0.0.11:53: server misbehaving",
        PASSING,
        "asks for",
        "llm_egress",
    ),
    (f"{OL}dial tcp: lookup registry.ollama.ai: Temporary failure in name resolution", PASSING, "asks for", "DNS"),
    (f"{OL}dial tcp: lookup registry.ollama.ai: i/o timeout", PASSING, "asks for the registry's address", "DNS"),
    (f"{OL}dial tcp: lookup registry.ollama.ai: device or resource busy", PASSING, "asks for the registry's", "DNS"),
    (
        f"{OL}dial tcp: lookup registry.ollama.ai on 10.0.0.2:53: dial udp 10.0.0.2:9: connect: network is unreachable",
        PASSING,
        "asks for the registry's address",
        "DNS",
    ),
    (f"{OL}dial tcp: lookup tcp/443x: unknown port", FINAL, "address is invalid", "host and port in the name"),
    # TLS
    (
        f"{OL}{X509}certificate is valid for *.facebook.com, not registry.ollama.ai",
        FINAL,
        "another server answers in place",
        "DNS",
    ),
    (f"{LAB}http: server gave HTTP response to HTTPS client", FINAL, "speaks plain HTTP", "set insecure"),
    (f"{LAB}tls: first record does not look like a TLS handshake", FINAL, "speaks plain HTTP", "set insecure"),
    (f"{OL}http: server gave HTTP response to HTTPS client", FINAL, "something before", "insecure does not help"),
    (f"{OL}tls: first record does not look like a TLS handshake", FINAL, "something before", "insecure does not help"),
    (
        f'{LAB}net/http: HTTP/1.x transport connection broken: malformed HTTP response "\\x15\\x03"',
        FINAL,
        "does not speak HTTP on this port",
        "leave insecure out",
    ),
    (f"{X509}certificate signed by unknown authority", FINAL, "does not trust the registry's certificate", "CA"),
    (f"{LAB}{X509}certificate signed by unknown authority", FINAL, "does not trust the registry's certificate", "CA"),
    (f"{OL}{X509}certificate signed by unknown authority", FINAL, "proxy or firewall that reads TLS", "CA"),
    (f"{LAB}{X509}certificate is valid for a.lab, not reg.lab", FINAL, "is for other names", "name"),
    (
        f"{LAB}{X509}cannot validate certificate for 10.0.0.5 because it doesn't contain any IP SANs",
        FINAL,
        "names",
        "name",
    ),
    (f"{LAB}{X509}certificate relies on legacy Common Name field, use SANs instead", FINAL, "other names", "name"),
    (f'Get "https://auth.example/token": {EARLY}', FINAL, "clock is wrong (2020-01-01T00:00:00Z)", "NTP"),
    (
        f"{LAB}{X509}certificate has expired or is not yet valid: current time 2026-11-30T00:00Z is after 2026-01-01",
        FINAL,
        "certificate of the registry reg.lab:5000 has expired",
        "a new certificate",
    ),
    (f"{LAB}{X509}certificate has expired or is not yet valid: ", FINAL, "has expired", "clock"),
    (f"{LAB}x509: failed to load system roots and no roots provided", FINAL, "no CA certificates", "SSL_CERT_FILE"),
    (f"{LAB}remote error: tls: handshake failure", FINAL, "do not agree on a version", "TLS 1.2"),
    (f"{LAB}remote error: tls: protocol version not supported", FINAL, "do not agree on a version", "TLS 1.2"),
    (f"{LAB}remote error: tls: certificate required", FINAL, "a certificate of the client", "mirror"),
    (f"{LAB}local error: tls: bad record MAC", PASSING, "does not hold", "later"),
    # connections
    (f"{OL}{FORCED}", PASSING, "does not hold", "later"),
    (f"{OL}dial tcp 1.2.3.4:443: {ACTIVE}", PASSING, "nothing answers", "check that it runs"),
    (
        f"{OL}read tcp 10.0.0.1:9->10.0.0.2:443: read: can't assign requested address",
        PASSING,
        "has no route to",
        "IPv6",
    ),
    (f"{OL}dial tcp 34.120.132.20:443: connect: connection timed out", PASSING, "did not answer in time", "firewall"),
    (f"{OL}dial tcp 34.120.132.20:443: i/o timeout", PASSING, "did not answer in time", "firewall"),
    (f"{OL}net/http: TLS handshake timeout", PASSING, "did not answer in time", "HTTPS_PROXY"),
    (f"{OL}context deadline exceeded (Client.Timeout exceeded while awaiting headers)", PASSING, "in time", "firewall"),
    (f"{OL}dial tcp 1.2.3.4:443: connect: connection refused", PASSING, "nothing answers", "check that it runs"),
    (f"{OL}dial tcp 1.2.3.4:443: connect: no route to host", PASSING, "has no route to", "llm_egress"),
    (f"{OL}dial tcp 1.2.3.4:443: connect: host is down", PASSING, "did not answer", "firewall"),
    (f"{OL}dial tcp [2606:4700::1]:443: connect: network is unreachable", PASSING, "has no route to", "IPv6"),
    (f"{OL}dial tcp [2606:4700::1]:443: connect: cannot assign requested address", PASSING, "has no route to", "IPv6"),
    (f"{OL}dial tcp 1.2.3.4:443: connect: operation not permitted", FINAL, "forbids connections", "firewall"),
    (f"{OL}dial tcp: lookup registry.ollama.ai: too many open files", PASSING, "too many files open", "ulimit"),
    (f"{OL}read tcp 10.0.0.1:9->10.0.0.2:443: read: connection reset by peer", PASSING, "does not hold", "later"),
    (f"{OL}EOF", PASSING, "does not hold", "later"),
    (f"{OL}http2: client connection lost", PASSING, "does not hold", "later"),
    (f"{OL}stopped after 10 redirects", FINAL, "redirects in a circle", "mend it"),
]
# (the whole error, passing or final, a part of the cause, a part of the fix)
LATER = [
    (f"{CDN}dial tcp: lookup dd20.r2.cloudflarestorage.com: no such host", FINAL, "sent it for a file", "block them"),
    (f"remove {BLOB}-0: no such file or directory", PASSING, "a file vanished", "one server"),
    ("unexpected status code 200", FINAL, "without the Location header", "adds the header"),
    ("internal server error", PASSING, "the server itself failed", "log"),
    ("registry responded with status 401: Invalid credentials in Authorization header", FINAL, "closed", "id_ed25519"),
    (
        "this model is not supported by your version of Ollama. You may need to upgrade",
        FINAL,
        "newer Ollama",
        "upgrade",
    ),
    ("You need to be signed in to Ollama to run Cloud models.", FINAL, "runs on ollama.com", "ollama signin"),
    (f"write {BLOB}: no space left on device", FINAL, "disk is full", "free space"),
    (f"write {BLOB}: disk quota exceeded", FINAL, "quota of the server is used up", "raise it"),
    (f"write {BLOB}-0: input/output error", FINAL, "the disk that holds the server's models reports errors", "dmesg"),
    (
        f"sync {BLOB}: structure needs cleaning",
        FINAL,
        "the disk that holds the server's models reports errors",
        "dmesg",
    ),
    (f"write {BLOB}: file too large", FINAL, "larger than the server may write", "FAT"),
    (f"open {BLOB}: read-only file system", FINAL, "cannot write where it keeps its models", "mount that writable"),
    (f"open {BLOB}: permission denied", FINAL, "cannot write where it keeps its models", "give the folder to the user"),
    (f"open {BLOB}: too many open files", PASSING, "too many files open", "ulimit"),
    (f"write {BLOB}: stale NFS file handle", FINAL, "is gone", "mount it again"),
    ("mkdir /root/.ollama/models/blobs: no such file or directory", FINAL, "folder where", "OLLAMA_MODELS"),
    ("mkdir /root/.ollama/models/blobs: permission denied", FINAL, "cannot write where it keeps", "give the folder"),
    (f"open {BLOB}: no such file or directory", PASSING, "a file vanished while it was downloaded", "one server"),
    (f"rename {BLOB} /m/blobs/sha256-aa: no such file or directory", PASSING, "a file vanished", "one server"),
    (f"write {BLOB}: some new errno", FINAL, "cannot write where it keeps its models", "volume"),
    ("digest mismatch, file must be downloaded again: want sha256:aa, got sha256:bb", PASSING, "not what the", "cache"),
    ("max retries exceeded: digest mismatch", PASSING, "not what the manifest names", "cache"),
    (
        f"{CDN}dial tcp: lookup dd20.r2.cloudflarestorage.com on 127.0.0.11:53: server misbehaving",
        PASSING,
        "asks",
        "DNS",
    ),
    (f"{CDN}dial tcp 1.2.3.4:443: connect: connection refused", PASSING, "nothing answers at dd20.r2", "firewall"),
    (f"{CDN}net/http: TLS handshake timeout", PASSING, "dd20.r2.cloudflarestorage.com did not answer", "firewall"),
    (f"{CDN}{X509}certificate signed by unknown authority", FINAL, "proxy or firewall that reads TLS", "CA"),
    ("max retries exceeded", PASSING, "breaks a file off again and again", "later"),
    ("max retries exceeded: EOF", PASSING, "breaks a file off again and again", "later"),
    ("max retries exceeded: write tcp 10.0.0.1:9->10.0.0.2:443: write: broken pipe", PASSING, "does not hold", "later"),
    (f"max retries exceeded: {GOAWAY}", PASSING, "does not hold", "later"),
    ("max retries exceeded: something new", PASSING, "does not hold", "later"),
    (
        "max retries exceeded: stream error: stream ID 7; INTERNAL_ERROR; received from peer",
        PASSING,
        "not hold",
        "later",
    ),
    ("max retries exceeded: status 503", PASSING, "does not serve", "later"),
    ("max retries exceeded: status 404", FINAL, "lacks a file that its manifest names", "push the model"),
    ("max retries exceeded: download stalled", PASSING, "sends no more bytes", "later"),
    ("403: <Error><Code>AccessDenied</Code><Message>Request has expired</Message>", PASSING, "has expired", "new one"),
    ("403: <Error><Code>RequestTimeTooSkewed</Code></Error>", FINAL, "clock", "NTP"),
    ("file does not exist", FINAL, "lacks a file that its manifest names", "push the model"),
    ("404: ", FINAL, "lacks a file that its manifest names", "push the model"),
    ("http: no Location header in response", FINAL, "without the Location header", "adds the header"),
    ("unexpected status code 302", FINAL, "redirects in a way that Ollama does not follow", "307"),
    ("maximum redirects exceeded (10) for directURL", FINAL, "redirects in a circle", "mend it"),
    ("unauthorized", FINAL, "wants a login", "id_ed25519.pub"),
    ("EOF", PASSING, "does not hold", "later"),
    ("unexpected EOF", PASSING, "does not hold", "later"),
    ("context canceled", PASSING, "broken off", "later"),
    ("context deadline exceeded", PASSING, "refused a file for 30 seconds", "log"),
    ("part stalled", PASSING, "sends no more bytes", "later"),
    ("this model requires macOS", FINAL, "runs only on macOS", "GGUF"),
    ("this model requires MLX support, but the MLX runtime is not available", FINAL, "cannot run (MLX)", "GGUF"),
    ('model "gpt-oss:120b-cloud" is a cloud model; sign in first', FINAL, "runs on ollama.com", "without 'cloud'"),
    ("ollama cloud is disabled: remote model is unavailable", FINAL, "runs on ollama.com", "OLLAMA_NO_CLOUD"),
    ("insecure protocol http", FINAL, "begins with http://", "set insecure"),
    ("invalid model name", FINAL, "does not take this name", "check the name"),
]


@pytest.mark.parametrize(
    ("words", "passing", "cause", "fix"),
    [*((f"pull model manifest: {line[0]}", *line[1:]) for line in MANIFEST), *LATER],
)
def test_an_error_of_a_pull_is_sorted_with_its_cause_and_its_fix(
    words: str, passing: bool, cause: str, fix: str
) -> None:
    found = trouble(words)
    assert (found.passing, cause in found.cause, fix in found.fix) == (passing, True, True), found
    assert bool(found.cause) is bool(cause)
    assert "{" not in f"{found.cause}{found.fix}"
    assert "  " not in f"{found.cause}{found.fix}"


@pytest.mark.parametrize(
    ("words", "passing", "cause", "fix"),
    [line for line in MANIFEST if not line[0].startswith(("Get", "file", "404", "410"))],
)
def test_an_error_means_the_same_after_retries_and_without_its_prefix(
    words: str, passing: bool, cause: str, fix: str
) -> None:
    for prefix in ("", "Error: ", "Error: max retries exceeded: "):
        found = trouble(prefix + words)
        assert (found.passing, cause in found.cause) == (passing, True), found


def test_the_registry_of_the_name_is_used_where_the_words_name_none() -> None:
    words = "tls: first record does not look like a TLS handshake"
    assert "insecure does not help" in trouble(words, "registry.ollama.ai").fix
    assert "set insecure" in trouble(words, "reg.lab:5000").fix


@pytest.mark.parametrize("words", ["", "something new", "pull model manifest: something new", f"{OL}something new"])
def test_an_unknown_error_is_final_and_has_no_cause(words: str) -> None:
    found = trouble(words)
    assert (found.passing, found.meaning) == (False, None)
