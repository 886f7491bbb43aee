"""Servers of a peer's own, on loopback or a socket in a folder of their own, started and stopped by the benchmark."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from .peer import find_program

__all__ = ["ServerFailed", "free_port", "is_open", "postgres", "started"]

PATIENCE = 30.0
"""Seconds for a server to start or to stop."""


class ServerFailed(Exception):
    """A peer's server ended or did not start; its output stands in the message."""


@contextmanager
def started(command: Sequence[str], log: Path, is_ready: Callable[[], bool], user: str | None = None) -> Iterator[None]:
    """Run `command` as a server, from when `is_ready` says so, and stop it by its process.

    Raises:
        ServerFailed: it ended, or was not ready in time.
    """
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, user=user, group=user)
    try:
        give_up = time.monotonic() + PATIENCE
        while not is_ready():
            if server.poll() is not None or time.monotonic() > give_up:
                raise ServerFailed(f"{' '.join(command)} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        yield
    finally:
        server.terminate()
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Whether somebody listens on that port of loopback."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def postgres(folder: Path, settings: Sequence[str]) -> Iterator[Path]:
    """Make a cluster in `folder`, serve it on a socket, and return the socket's folder.

    PostgreSQL refuses to run as root, so root runs it as the user that Debian's package makes for it.
    """
    user = "postgres" if os.geteuid() == 0 else None
    sockets = Path(mkdtemp(prefix="peers-"))  # not in `folder`: a socket's path has at most 107 characters
    cluster = folder / "cluster"
    cluster.mkdir(mode=0o700)
    if user is not None:
        folder.chmod(0o711)
        for each in (cluster, sockets):
            shutil.chown(each, user, user)
    try:
        initdb = [_program("initdb"), "-D", str(cluster), "-U", "shop", "-A", "trust", "-E", "UTF8", "--no-locale"]
        made = subprocess.run([*initdb, "--no-sync"], capture_output=True, text=True, check=False, user=user, cwd="/")
        if made.returncode:
            raise ServerFailed(f"initdb failed:\n{made.stderr}")
        places = ["listen_addresses=", f"unix_socket_directories={sockets}"]
        options = [part for setting in (*places, *settings) for part in ("-c", setting)]
        ready = [_program("pg_isready"), "-q", "-h", str(sockets), "-d", "postgres"]
        command = [_program("postgres"), "-D", str(cluster), *options]
        # SIGTERM waits for clients, all of which are gone by then.
        with started(command, folder / "server.log", lambda: subprocess.run(ready, check=False).returncode == 0, user):
            yield sockets
    finally:
        shutil.rmtree(sockets)


def _program(name: str) -> str:
    found = find_program(name)
    if found is None:
        raise ServerFailed(f"There is no program {name}.")
    return found
