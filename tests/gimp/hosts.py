"""Real GIMPs for the tests: Debian systems with GIMP 3.0 and GIMP 3.2, each in a folder that is entered with ``chroot``.

``python tests/gimp/hosts.py make`` builds the missing ones (root on Debian, about two minutes each, kept in the user's cache
folder); ``python tests/gimp/hosts.py list`` says what there is. A GIMP 3 that is already on PATH is used as it is, in the place of
the host of its version.

A command in a host runs in mount and process namespaces of its own, so that mounts and left-over processes vanish with it. GIMP comes
from the host; a program named in ``outer`` (the worker's Python) comes from this machine: in the host its path holds a small
script that changes the root back and runs the real program. So any Python works, also one in /usr, and what is tested is the very
environment that was installed. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SUITES = {"3.0": "trixie", "3.2": "forky"}
GIMP_PACKAGES = ["gimp", "gir1.2-gimp-3.0", "python3-gi", "python3-gi-cairo", "gir1.2-gtk-3.0"]
SCREEN_PACKAGES = ["xvfb", "xdotool", "openbox", "scrot", "dbus-x11", "fonts-dejavu-core", "adwaita-icon-theme"]
DEBIAN_MIRROR = "http://deb.debian.org/debian"
PATH_IN_HOST = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class HostMissing(Exception):
    """There is no GIMP of the wanted version here; the message says why."""


@dataclass(frozen=True)
class Host:
    """One GIMP to test in.

    Attributes:
        minor: "3.0" or "3.2", also the name of GIMP's user folder.
        root: the host's root folder; None for the GIMP on this machine's PATH.
    """

    minor: str
    root: Path | None

    @functools.cached_property
    def version(self) -> str:
        """GIMP's full version, for example "3.0.4"."""
        return _gimp_version(self.run([self.console, "--version"], timeout=60).stdout)

    @property
    def console(self) -> str:
        """Name of GIMP's program without windows."""
        return "gimp-console" if self.root is None else f"gimp-console-{self.minor}"

    def command(self, command: Sequence[str], *, binds: Sequence[str | Path] = (), outer: Sequence[str | Path] = ()) -> list[str]:
        """The command line that runs ``command`` in this host.

        Args:
            command: program and arguments; the program is found in the host.
            binds: existing folders of this machine that appear in the host at the same path, writable.
            outer: programs of this machine (absolute paths) that can be started in the host by the same path, with the same
                files as on this machine. Each program's folder shows these programs only, so it is the ``bin`` of a virtual
                environment, not /usr/bin.
        """
        if self.root is None:
            return list(command)
        enter = f'chroot {shlex.quote(str(self.root))} "$@"'
        mounts = _mount_script(self.root, [Path(b) for b in binds], [Path(o) for o in outer])
        # The shell stays the first process of the namespace: it reaps what GIMP leaves behind.
        return [
            *["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"],
            *["sh", "-ec", "\n".join([*mounts, enter]), "host", *command],
        ]

    def popen(
        self,
        command: Sequence[str],
        *,
        binds: Sequence[str | Path] = (),
        outer: Sequence[str | Path] = (),
        env: Mapping[str, str] | None = None,
        **options: object,
    ) -> subprocess.Popen[str]:
        """Starts ``command`` in this host with ``env`` as its only variables besides PATH and LANG; see :meth:`command`.

        ``kill()`` on the returned process ends everything that runs in the host on its behalf.
        """
        path = os.environ.get("PATH", PATH_IN_HOST) if self.root is None else PATH_IN_HOST
        variables = {"PATH": path, "LANG": "C.UTF-8", **(env or {})}
        return subprocess.Popen(self.command(command, binds=binds, outer=outer), env=variables, text=True, errors="replace", **options)  # type: ignore[call-overload]

    def run(
        self,
        command: Sequence[str],
        *,
        binds: Sequence[str | Path] = (),
        outer: Sequence[str | Path] = (),
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs ``command`` in this host and returns its exit status, stdout and stderr as text; see :meth:`popen`.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``timeout`` seconds; all of it has been ended.
        """
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self.popen(command, binds=binds, outer=outer, env=env, **pipes) as process:
            try:
                stdout, stderr = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired as expired:
                process.kill()
                raise subprocess.TimeoutExpired(list(command), expired.timeout, *process.communicate()) from None
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(list(command), process.returncode, stdout, stderr)


def find(minor: str) -> Host:
    """The GIMP of one minor version: the one on PATH if it is of that version, else the host made by :func:`make`.

    Raises:
        HostMissing: there is neither.
    """
    if _minor_on_path() == minor:
        return Host(minor, None)
    root = hosts_folder() / f"gimp-{minor}"
    if not root.is_dir():
        raise HostMissing(f"no GIMP {minor}: it is not on PATH and {root} does not exist; as root on Debian run: python tests/gimp/hosts.py make")
    if os.geteuid() != 0:
        raise HostMissing(f"no GIMP {minor}: the host in {root} can be entered by root only")
    return Host(minor, root)


def available() -> list[Host]:
    """All GIMPs that tests can use here, at most one of each minor version."""
    hosts = []
    for minor in SUITES:
        with contextlib.suppress(HostMissing):
            hosts.append(find(minor))
    return hosts


def make(minors: Sequence[str] = tuple(SUITES)) -> list[Host]:
    """Builds the hosts that are missing, at the same time, and returns all of ``minors``.

    Raises:
        HostMissing: a host cannot be built here; the message says why.
    """
    with ThreadPoolExecutor(len(minors)) as builders:
        return list(builders.map(_made, minors))


def _made(minor: str) -> Host:
    try:
        return find(minor)
    except HostMissing:
        _check_can_build(minor)
    with _lock(f"gimp-{minor}"):
        root = hosts_folder() / f"gimp-{minor}"
        if not root.is_dir():
            _build(minor, root)
    return find(minor)


def hosts_folder() -> Path:
    """Where the hosts are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "neural-color-transfer" / "hosts"


def _mount_script(root: Path, binds: Sequence[Path], outer: Sequence[Path]) -> list[str]:
    def inside(path: str | Path) -> str:
        return shlex.quote(f"{root}{path}")

    lines = [
        f"mkdir -p {inside('/outer')}",
        f"mount --rbind / {inside('/outer')}",
        *(f"mount -t proc proc {inside(place)}" for place in ("/proc", "/outer/proc")),
        f"mount --rbind /dev {inside('/dev')}",
        f"mount -t tmpfs tmpfs {inside('/tmp')}",
    ]
    for bind in binds:
        lines += [f"mkdir -p {inside(bind)}", f"mount --bind {shlex.quote(str(bind))} {inside(bind)}"]
    for folder in sorted({program.parent for program in outer}):
        lines += [f"mkdir -p {inside(folder)}", f"mount -t tmpfs tmpfs {inside(folder)}"]
    for program in outer:
        shim = f'#!/bin/sh\nexec /usr/sbin/chroot /outer {shlex.quote(str(program))} "$@"\n'
        lines += [f"printf %s {shlex.quote(shim)} > {inside(program)}", f"chmod 755 {inside(program)}"]
    return lines


def _minor_on_path() -> str | None:
    program = shutil.which("gimp-console")
    if not program:
        return None
    version = _gimp_version(subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60).stdout)
    return version.rpartition(".")[0] if version.startswith("3.") else None


def _gimp_version(text: str) -> str:
    match = re.search(r"(\d+\.\d+\.\d+)", text)
    if not match:
        raise HostMissing(f"expected GIMP to print its version, it printed {text!r}")
    return match.group(1)


def _check_can_build(minor: str) -> None:
    reason = None
    if platform.system() != "Linux" or not Path("/etc/debian_version").exists():
        reason = "it is built with Debian's debootstrap, and this is not Debian"
    elif os.geteuid() != 0:
        reason = "building it takes root"
    if reason:
        raise HostMissing(f"no GIMP {minor} for the tests: it is not on PATH, and {reason}")


@contextlib.contextmanager
def _lock(what: str) -> Iterator[None]:
    """Held by one thread of all processes that make hosts in this folder."""
    hosts_folder().mkdir(parents=True, exist_ok=True)
    with open(hosts_folder() / f"{what}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(minor: str, root: Path) -> None:
    suite = SUITES[minor]
    log = root.with_name(f"{root.name}.log")
    partial = root.with_name(f"{root.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    print(f"Building a Debian {suite} with GIMP {minor} in {root} (about two minutes, once)", flush=True)
    with open(log, "w") as output:
        with _lock("debootstrap"):
            if not shutil.which("debootstrap"):
                _step("installing debootstrap", ["apt-get", "update", "-q"], output)
                _step("installing debootstrap", ["apt-get", "install", "-qy", "debootstrap"], output)
        # Every suite since Debian 13 is built by the script for sid; an older debootstrap does not know their names.
        script = "/usr/share/debootstrap/scripts/sid"
        _step("base system", ["debootstrap", "--variant=minbase", suite, str(partial), debian_mirror(), script], output)
        policy = partial / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", "--no-install-recommends", *GIMP_PACKAGES, *SCREEN_PACKAGES]
        _step("GIMP and a screen to test it on", Host(minor, partial).command(install), output)
        _step("cleaning up", Host(minor, partial).command(["sh", "-c", "apt-get clean; rm -rf /var/lib/apt/lists/*"]), output)
    partial.rename(root)
    print(f"  ready: GIMP {find(minor).version}", flush=True)


def _step(words: str, command: Sequence[str], output: object) -> None:
    print(f"  {Path(output.name).stem}: {words} ...", flush=True)  # type: ignore[attr-defined]
    status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT).returncode  # type: ignore[call-overload]
    if status:
        raise HostMissing(f"building the GIMP host failed at '{words}' (status {status}); the details are in {output.name}")  # type: ignore[attr-defined]


def debian_mirror() -> str:
    """The first Debian mirror among apt's sources, so that the hosts come from where this machine's packages come from."""
    folder = Path("/etc/apt")
    for file in sorted([folder / "sources.list", *folder.glob("sources.list.d/*")]):
        if file.is_file():
            for line in file.read_text().splitlines():
                match = re.match(r"\s*(?:URIs:|deb\s)(?:\s*\[.*?\])?\s*(https?://\S+/debian)/?(?:\s|$)", line)
                if match:
                    return match.group(1)
    return DEBIAN_MIRROR


def main(arguments: Sequence[str]) -> int:
    """``make [MINOR...]`` builds missing hosts, ``list`` shows what there is."""
    action, *minors = arguments or ["list"]
    if action not in ("make", "list") or not set(minors) <= set(SUITES):
        print(f"usage: hosts.py make [{'|'.join(SUITES)}]... | list", file=sys.stderr)
        return 2
    try:
        for host in make(minors or tuple(SUITES)) if action == "make" else available():
            print(f"GIMP {host.version}: {host.root or 'on PATH'}")
    except HostMissing as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
