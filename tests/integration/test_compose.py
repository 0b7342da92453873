"""`compose.yaml`: the commands of our services, run natively with their environment."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support import wait_until
from tests.support.web import free_port, status_of
from wf.dev.process import end, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings

_ROOT = Path(__file__).parents[2]
OURS = ("migrate", "worker", "beat", "api", "flower")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_ROOT / "compose.yaml").read_text())["services"]
    return found


def interpolated(text: str, given: dict[str, str]) -> str:
    """What compose makes of `${NAME:-default}` and `${NAME:?message}`."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if name not in given and kind == ":?":
            raise KeyError(f"{name}: {rest}")
        return given.get(name, rest)

    return re.sub(r"\$\{(\w+)(:-|:\?)([^}]*)\}", value, text)


class Deployment:
    """Runs services as compose would, with servers and ports of the test."""

    def __init__(self, services: dict[str, Any], folder: Path, **replaced: str) -> None:
        self._services, self._folder, self._replaced = services, folder, replaced
        self.processes: list[subprocess.Popen[bytes]] = []

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service, with the test's servers and ports in the place of those in containers."""
        declared = self._services[name]["environment"]
        own = {variable: interpolated(text, {"FLOWER_BASIC_AUTH": "me:secret"}) for variable, text in declared.items()}
        assert {"WF_DATABASE_URL", "WF_REDIS_URL"} <= set(own)
        path = os.pathsep.join(str(_ROOT / part) for part in ("", "tasks", "reaper", "api"))
        return own | self._replaced | {"PATH": os.environ["PATH"], "PYTHONPATH": path}

    def start(self, name: str, command: str = "") -> Path:
        """Start a service, or another command in its place; gives its log."""
        program, *args = shlex.split(command or self._services[name]["command"])
        assert program == "wf"
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            argv = [sys.executable, "-m", "wf", *args]
            self.processes.append(spawn(argv, env=self.environment(name), cwd=_ROOT, stdout=output, stderr=output))
        return log

    def replace(self, **variables: str) -> None:
        """Put more of the test's own in the place of what is declared."""
        self._replaced |= variables

    def stop(self) -> None:
        for process in self.processes:
            end(process)


@pytest.fixture
def deployment(
    services: dict[str, Any], tmp_path: Path, empty_database_url: str, settings: Settings
) -> Iterator[Deployment]:
    made = Deployment(
        services, tmp_path, WF_DATABASE_URL=empty_database_url, WF_REDIS_URL=settings.redis_url,
        WF_QUEUE=settings.queue, WF_KEY_PREFIX=settings.key_prefix,
        FLOWER_PORT=str(free_port()), FLOWER_ADDRESS="127.0.0.1", WF_API_PORT=str(free_port()),
    )  # fmt: skip
    yield made
    made.stop()


def contains(log: Path, line: str) -> bool:
    return line in log.read_text()


def test_the_commands_of_our_services_become_ready(deployment: Deployment, services: dict[str, Any]) -> None:
    """Migrate ends well on an empty database; then worker, beat and Flower start as they are declared."""
    migrated = deployment.start("migrate")
    assert deployment.processes[0].wait(60) == 0, migrated.read_text()
    assert deployment.environment("api")["WF_API_HOST"] == "0.0.0.0"  # nobody listens there without a token:
    refused = deployment.start("api")
    assert deployment.processes[1].wait(60) == 1
    assert "wf tokens create NAME --scope admin" in refused.read_text()
    (first,) = re.findall(r"docker compose run --rm api (wf tokens create .*)", (_ROOT / "compose.yaml").read_text())
    token = deployment.start("api", first)
    assert deployment.processes[2].wait(60) == 0, token.read_text()
    deployment.replace(WF_API_HOST="127.0.0.1")
    logs = {name: deployment.start(name) for name in OURS[1:]}
    ready = {"worker": " ready.", "beat": "beat: Starting...", "api": "wf api listens on", "flower": "Visit me at"}
    for name, line in ready.items():
        says = partial(contains, logs[name], line)
        wait_until(says, 60, f"{name} says {line!r}")
    port = deployment.environment("flower")["FLOWER_PORT"]
    url = f"http://127.0.0.1:{port}/workers"
    assert (status_of(url), status_of(url, "me:secret")) == (401, 200)
    check_health(services["flower"], "5555", port)
    check_health(services["api"], "8000", deployment.environment("api")["WF_API_PORT"])


def check_health(service: dict[str, Any], inside: str, port: str) -> None:
    """Run a service's own check against the port that it has here."""
    kind, program, *args = service["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    check = [sys.executable, *(arg.replace(f":{inside}", f":{port}") for arg in args)]
    assert subprocess.run(check, timeout=30, check=False).returncode == 0


def test_flower_is_never_without_a_password(services: dict[str, Any]) -> None:
    """Compose refuses to start Flower until a user and a password are given."""
    with pytest.raises(KeyError, match="set it to user:password"):
        interpolated(services["flower"]["environment"]["FLOWER_BASIC_AUTH"], {})


def test_no_port_is_open_to_others(services: dict[str, Any]) -> None:
    """Every published port is bound to loopback."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_pages_know_where_browsers_reach_each_other(services: dict[str, Any]) -> None:
    """The links between dashboard and Flower lead to the ports that are published."""
    for variable, name in {"WF_DASHBOARD_URL": "api", "WF_FLOWER_URL": "flower"}.items():
        (published,) = services[name]["ports"]
        url = f"http://{published.rpartition(':')[0]}"
        assert {services[other]["environment"][variable] for other in OURS} == {url}


def test_redis_keeps_what_it_is_given(services: dict[str, Any]) -> None:
    """The broker writes to disk, and refuses when it is full instead of forgetting."""
    assert "--appendonly yes --maxmemory-policy noeviction" in services["redis"]["command"]


def test_ours_start_when_their_servers_are_ready(services: dict[str, Any]) -> None:
    """Nobody starts before the schema fits, and whoever is waited for has a way to say that it is ready."""
    assert set(services) == {*OURS, "postgres", "redis"}
    for name in OURS[1:]:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for service in services.values():
        for other, condition in service.get("depends_on", {}).items():
            if condition == {"condition": "service_healthy"}:
                assert services[other]["healthcheck"]["test"][0] == "CMD"
