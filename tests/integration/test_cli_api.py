"""`wf api`, in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from tests.support import wait_until
from tests.support.cli import Shell, Worked
from tests.support.errands import Errand
from tests.support.processes import environment, launch
from tests.support.web import free_port, status_of
from wf.dev.process import end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wf.settings import Settings


class Server:
    """`wf api` with its log."""

    def __init__(self, settings: Settings, folder: Path, *args: str, **env: str) -> None:
        self._log = folder / "api.log"
        self.port = free_port()
        self._log.unlink(missing_ok=True)  # of the one before
        variables = environment(settings, {"WF_API_PORT": str(self.port), **env})
        self.process = launch(["-m", "wf", "api", *args], env=variables, cwd=folder, log=self._log)

    def says(self, text: str) -> None:
        """Wait until it has printed a text."""
        wait_until(lambda: self.process.poll() is not None or text in self.log(), 30, f"{text!r} in the log")
        assert text in self.log(), self.log()

    def ready(self) -> str:
        """Wait until it serves; gives its URL."""
        url = f"http://127.0.0.1:{self.port}"
        wait_until(lambda: self.process.poll() is not None or status_of(f"{url}/healthz") == 200, 30, "it serves")
        assert self.process.poll() is None, self.log()
        return url

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@pytest.fixture
def serve(settings: Settings, tmp_path: Path) -> Iterator[type]:
    started: list[Server] = []

    class Started(Server):
        def __init__(self, *args: str, **env: str) -> None:
            super().__init__(settings, tmp_path, *args, **env)
            started.append(self)

    yield Started
    for one in started:
        end(one.process)


def believed(url: str) -> list[bool]:
    """Whether this machine is believed that somebody has come by HTTPS, and whether 127.0.0.2 is."""
    said, elsewhere = {"X-Forwarded-Proto": "https"}, httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(transport=elsewhere) as proxy:
        answers = [httpx.get(f"{url}/healthz", headers=said), proxy.get(f"{url}/healthz", headers=said)]
    return ["Strict-Transport-Security" in answer.headers for answer in answers]


def test_without_a_token_it_serves_this_machine(serve: type) -> None:
    """It says where it listens and how to create a token, listens nowhere else, and stops when it shall."""
    server = serve()
    url = server.ready()
    assert httpx.get(f"{url}/api/tokens").json()["result"] == []
    assert server.log().splitlines() == [
        f"wf api listens on {url}",
        "There is no token yet, so it serves this machine only. Create one: wf tokens create NAME --scope admin",
    ]
    listening = [c.laddr for c in psutil.Process(server.process.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", server.port)]
    assert believed(url) == [True, False]  # this machine is the one proxy, where nothing is said
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) in {0, -signal.SIGTERM}
    assert len(server.log().splitlines()) == 2


def test_with_a_token_it_asks_for_it(settings: Settings, serve: type) -> None:
    """And listens where it is told, an option being stronger; a token that is revoked ends within two seconds."""
    wf = Shell(settings)
    token = wf.text("tokens", "create", "me", "--scope", "admin").strip()
    wf.text("tokens", "create", "other", "--scope", "admin")
    server = serve("--host", "127.0.0.2", WF_API_HOST="0.0.0.0")
    url = f"http://127.0.0.2:{server.port}"
    server.says("\n")
    assert server.log() == f"wf api listens on {url}\n"
    wait_until(lambda: status_of(f"{url}/healthz") == 200, 30, "it serves")
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{url}/api/tokens").status_code == 401
    assert httpx.get(f"{url}/api/tokens", headers=headers).status_code == 200
    wf.text("tokens", "revoke", "me")
    start = time.monotonic()
    wait_until(lambda: httpx.get(f"{url}/api/tokens", headers=headers).status_code == 401, 10, "the token is dead")
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])
def test_without_a_token_it_does_not_listen_for_others(settings: Settings, host: str) -> None:
    """It ends with exit code 1 and says which command makes a token."""
    said = Shell(settings).refusal("api", "--host", host, "--port", "0")
    assert said == (
        f"wf: Without a token that counts the API does not listen on {host}: nobody there could use it. Create one "
        "first: wf tokens create NAME --scope admin\n"
    )


def test_with_dead_tokens_only_it_refuses_all(settings: Settings, serve: type) -> None:
    """It says so, and listens for nobody else: a token that ends must not open the door."""
    wf = Shell(settings)
    wf.text("tokens", "create", "me", "--scope", "admin")
    wf.text("tokens", "revoke", "me")
    assert "Without a token that counts" in wf.refusal("api", "--host", "0.0.0.0", "--port", "0")
    server = serve()
    assert httpx.get(f"{server.ready()}/api/tokens").status_code == 401
    assert "Every token has expired or was revoked, so it refuses all requests. Create one: " in server.log()


def test_only_its_proxies_are_believed(serve: type) -> None:
    """Those of WF_API_PROXIES; this machine is none that is not named. Ctrl-C ends it well, without a last word."""
    server = serve(WF_API_PROXIES="10.0.0.0/8, 127.0.0.2")
    assert believed(server.ready()) == [False, True]
    said = server.log()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(10) == 0
    assert server.log() == said


def test_a_place_that_is_taken_is_named(settings: Settings) -> None:
    """In one line; so is one that is not there."""
    wf = Shell(settings)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = wf.refusal("api", "--port", port)
    assert said == f"wf: Cannot listen on 127.0.0.1, port {port}: Address already in use.\n"
    assert wf("api", "--port", "x").exit_code == 2


def test_a_schema_that_is_missing_is_named(settings: Settings, empty_database_url: str) -> None:
    """Before anything listens."""
    said = Shell(settings.model_copy(update={"database_url": empty_database_url})).refusal("api")
    assert "Run `wf migrate` once." in said


def test_a_bad_file_of_hooks_stops_it(settings: Settings, tmp_path: Path) -> None:
    """With the rule and the key that are wrong."""
    file = tmp_path / "hooks.toml"
    file.write_text('[order-paid]\nscheme = "stripe"\nsecret = "hush"\n')
    said = Shell(settings.model_copy(update={"hooks": str(file)})).refusal("api", "--port", "0")
    assert "rule 'order-paid', secret: Extra inputs are not permitted" in said
    assert "hush" not in said


def test_a_missing_extra_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"wf_api", "uvicorn"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert Shell(settings).refusal("api") == 'wf: There is no uvicorn: run `pip install "celery-wf[api]"`.\n'


def test_its_log_is_json(serve: type) -> None:
    """On standard error where that is no terminal; an error of the server is there with its traceback."""
    server = serve(WF_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert status_of(f"{server.ready()}/readyz") == 200
    (line,) = [line for line in server.log().splitlines() if line.startswith("{")]
    logged = json.loads(line)
    assert (logged["event"], logged["level"]) == ("broker away", "warning")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", logged["timestamp"])


def test_an_open_feed_does_not_keep_it(settings: Settings, serve: type) -> None:
    """Whoever follows an instance is cut off after a few seconds, and connects again elsewhere."""
    with Worked(settings) as worked:
        worked.know(Errand)
        worked.client.workflow(Errand).create("i-1")
    server = serve()
    feed = f"{server.ready()}/api/workflows/errand/instances/i-1/subscribe"
    with httpx.stream("GET", feed, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
        assert time.monotonic() - start < 8
        with suppress(httpx.RemoteProtocolError):
            list(lines)
    assert "Traceback" not in server.log()


def test_a_request_without_end_does_not_keep_it(serve: type) -> None:
    """What is still being sent when the process shall stop is cut off after a few seconds."""
    server = serve()
    server.ready()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"POST /api/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n1\r\n{\r\n"
        )
        connection.settimeout(10)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")  # so the request is being read
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
        assert time.monotonic() - start < 8
