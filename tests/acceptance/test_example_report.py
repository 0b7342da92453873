"""The example `examples/report`: its external API, and the demonstration as a whole."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from wf import Settings
from wf.testing.processes import free_port
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.testing.processes import Processes

EXAMPLE = Path(__file__).parents[2] / "examples" / "report"
DRAFT = {"reference": "r-1", "title": "Seizure 1", "officer": "officer-1"}
PATIENCE = 10.0  # seconds


class Api:
    """The external API in a process of its own."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes, self._ledger, self._port = processes, folder / "ledger.sqlite", free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self._port}")

    def start(self, *, fault_rate: float = 0.0) -> Api:
        options = ["--port", str(self._port), "--ledger", str(self._ledger), "--fault-rate", str(fault_rate)]
        self._process = self._processes.start("api", str(EXAMPLE / "api.py"), *options, ready=self._answers)
        return self

    def stop(self) -> None:
        self.http.close()
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def ask(self, method: str, path: str, key: str, **body: Any) -> httpx.Response:
        return self.http.request(method, path, headers={"Idempotency-Key": key, "X-Worker-Pid": "4711"}, **body)

    def insist(self, method: str, path: str, key: str, **body: Any) -> dict[str, Any]:
        while (answer := self.ask(method, path, key, **body)).is_server_error:
            pass
        assert answer.is_success, answer.text
        return dict(answer.json())

    def ledger(self) -> dict[str, Any]:
        return dict(self.http.get("/ledger").json())

    def in_flight(self) -> list[dict[str, Any]]:
        return list(self.http.get("/in-flight").json())

    def _answers(self) -> bool:
        try:
            return self.http.get("/ledger").is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def wf_settings() -> Settings:
    """Those of the environment: no test here has a journal of its own."""
    return Settings()


@pytest.fixture
def api(wf_processes: Processes, tmp_path: Path) -> Iterator[Api]:
    server = Api(wf_processes, tmp_path)
    try:
        yield server
    finally:
        server.stop()


def test_a_repeat_under_the_same_key_gets_the_first_answer_and_has_no_effect(api: Api) -> None:
    """The same request with the same key is applied once and answered alike both times."""
    api.start()
    first = api.ask("POST", "/reports", "k", json=DRAFT)
    second = api.ask("POST", "/reports", "k", json=DRAFT)
    assert first.json() == second.json() == {"id": "R-0001", "reference": "r-1"}
    assert api.ledger()["reports"]["r-1"]["created"] == 1
    assert api.ledger()["requests"] == {"applied": 1, "replayed": 1}


def test_a_repeat_under_another_key_is_found_out(api: Api) -> None:
    """The ledger does not hide duplicates: what was asked for twice under two keys counts as two."""
    api.start()
    for key in ("k1", "k2"):
        api.insist("POST", "/reports", key, json=DRAFT)
    assert api.ledger()["reports"]["r-1"]["created"] == 2


def test_a_key_serves_one_request_only(api: Api) -> None:
    """A key that comes back with another body is refused and changes nothing."""
    api.start()
    api.insist("POST", "/reports", "k", json=DRAFT)
    answer = api.ask("POST", "/reports", "k", json=DRAFT | {"reference": "r-2"})
    assert (answer.status_code, "'k'" in answer.json()["error"]) == (422, True)
    assert list(api.ledger()["reports"]) == ["r-1"]


def test_faults_strike_before_and_after_the_effect_and_the_key_makes_both_harmless(api: Api) -> None:
    """Whoever repeats under the same key until it works gets each effect once, whatever failed on the way."""
    api.start(fault_rate=0.3)
    report = api.insist("POST", "/reports", "create", json=DRAFT)["id"]

    def submit(name: str) -> None:
        path = f"/reports/{report}/files/{name}"
        stored = api.insist("PUT", path, f"upload {name}", content=name.encode())
        metadata = {"sha256": stored["sha256"], "size": stored["size"], "uploaded_at": stored["stored_at"]}
        api.insist("PUT", f"{path}/metadata", f"attach {name}", json=metadata)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(submit, map(str, range(20))))
    api.insist("POST", f"/reports/{report}/finalize", "finalize", json={"approved_by": "me"})

    ledger = api.ledger()
    assert {(file["stored"], file["described"]) for file in ledger["reports"]["r-1"]["files"].values()} == {(1, 1)}
    assert (ledger["reports"]["r-1"]["created"], ledger["reports"]["r-1"]["finalized"]) == (1, 1)
    assert ledger["requests"]["applied"] == 42
    assert ledger["faults"]["error before"] == ledger["requests"]["refused"] > 0
    assert ledger["faults"]["error after"] > 0
    assert ledger["requests"]["replayed"] > 0


def test_an_outage_refuses_everything_until_it_is_over(api: Api) -> None:
    """During an outage every request gets 503 and has no effect; afterwards the same request is applied."""
    api.start()
    api.http.post("/outage", json={"seconds": 600})
    assert api.ask("POST", "/reports", "k", json=DRAFT).status_code == 503
    assert api.ledger() == {"reports": {}, "requests": {"refused": 1}, "faults": {"outage": 1}}
    api.http.post("/outage", json={"seconds": 0})
    assert api.ask("POST", "/reports", "k", json=DRAFT).is_success
    assert api.ledger()["reports"]["r-1"]["created"] == 1


def test_a_held_answer_is_in_flight_after_its_effect(api: Api) -> None:
    """An answer can be held back: the effect is there, the worker still waits, and its pid can be asked for."""
    api.start()
    api.http.post("/hold", json={"action": "create report", "seconds": 600})
    with pytest.raises(httpx.ReadTimeout):
        api.ask("POST", "/reports", "k", json=DRAFT, timeout=0.3)
    held = wait_until(lambda: [flight for flight in api.in_flight() if flight["held"]], PATIENCE, "an answer is held")
    assert [(flight["pid"], flight["action"]) for flight in held] == [(4711, "create report")]
    assert api.insist("POST", "/reports", "k", json=DRAFT)["id"] == "R-0001"
    assert api.ledger()["requests"] == {"applied": 1, "replayed": 1}
    api.kill()  # it would wait for the answer it holds


def test_the_ledger_and_its_keys_survive_sigkill_of_the_api(api: Api) -> None:
    """A key that was applied before the API was killed is still known after its restart."""
    api.start()
    first = api.insist("POST", "/reports", "k", json=DRAFT)
    api.kill()
    api.start()
    assert api.insist("POST", "/reports", "k", json=DRAFT) == first
    assert api.ledger()["reports"]["r-1"]["created"] == 1


def test_an_impossible_request_is_refused_with_its_reason(api: Api) -> None:
    """A request that makes no sense gets a 4xx that says why, and has no effect."""
    wrong = {"json": {"size": 1, "sha256": "0", "uploaded_at": "now"}}
    cases: list[tuple[str, str, dict[str, Any], int, str]] = [
        ("POST", "/reports", {"content": b"{"}, 400, "not JSON"),
        ("POST", "/reports", {"json": {"reference": "r-2", "title": "t"}}, 422, "needs officer"),
        ("PUT", "/reports/R-0009/files/a", {"content": b"a"}, 404, "no report 'R-0009'"),
        ("PUT", "/reports/R-0001/files/b/metadata", wrong, 409, "no file 'b'"),
        ("POST", "/reports/R-0001/finalize", {"json": {"approved_by": "me"}}, 409, "no metadata for a"),
    ]
    api.start()
    api.insist("POST", "/reports", "create", json=DRAFT)
    api.insist("PUT", "/reports/R-0001/files/a", "upload", content=b"a")
    for method, path, body, status, text in cases:
        answer = api.ask(method, path, f"{method} {path} {text}", **body)
        assert (answer.status_code, text in answer.json()["error"]) == (status, True), answer.text
    assert api.ledger()["requests"] == {"applied": 2, "refused": len(cases)}


def test_a_request_without_a_key_is_refused(api: Api) -> None:
    """The API takes nothing that it could not recognise when it is repeated."""
    api.start()
    answer = api.http.post("/reports", json=DRAFT)
    assert (answer.status_code, "Idempotency-Key" in answer.json()["error"]) == (400, True)
    assert api.ledger()["reports"] == {}


def test_the_inputs_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """Two folders of inputs hold the same reports and the same bytes, 0 to 5 files of 1 to 200,000 bytes each."""
    contents = []
    for name in ("one", "two"):
        argv = [sys.executable, str(EXAMPLE / "inputs.py"), str(tmp_path / name), "12"]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        paths = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        contents.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in paths})
    assert contents[0] == contents[1]
    counts = [len(list(folder.iterdir())) for folder in (tmp_path / "one").glob("*/files")]
    assert (len(counts), set(counts)) == (12, {0, 1, 2, 3, 4, 5})
    sizes = {len(data) for path, data in contents[0].items() if "/files/" in path}
    assert 1 == min(sizes) < max(sizes) <= 200_000


def test_the_verdict_names_whatever_did_not_happen_exactly_once(tmp_path: Path) -> None:
    """A duplicate, a gap, a stranger and altered content in the ledger are each called by name."""
    subprocess.run(
        [sys.executable, str(EXAMPLE / "inputs.py"), str(tmp_path), "3"], check=True, stdout=subprocess.DEVNULL
    )
    findings = runpy.run_path(str(EXAMPLE / "verdict.py"))["findings"]
    ledger: dict[str, Any] = {"reports": {}}
    for reference in ("r-001", "r-002", "r-003"):
        files = {
            path.name: {"stored": 1, "described": 1, "sha256": sha256(path.read_bytes()).hexdigest()}
            for path in (tmp_path / reference / "files").iterdir()
        }
        ledger["reports"][reference] = {"created": 1, "finalized": 1, "files": files}
    assert findings(ledger, tmp_path) == []

    reports = ledger["reports"]
    del reports["r-001"]
    reports["r-002"] |= {"created": 2, "finalized": 0}
    reports["r-003"]["files"]["1-photo.jpg"] |= {"stored": 2, "described": 0}
    reports["r-003"]["files"]["2-receipt.pdf"]["sha256"] = "0"
    del reports["r-003"]["files"]["3-inventory.csv"]
    reports["r-003"]["files"]["new"] = {"stored": 1, "described": 1, "sha256": "0"}
    reports["r-004"] = {"created": 1, "finalized": 1, "files": {}}
    assert findings(ledger, tmp_path) == [
        "r-004: nobody submitted it, but the ledger has it",
        "r-001: never created",
        "r-002: created 2 times",
        "r-002: finalized 0 times",
        "r-003: file 3-inventory.csv is missing at the API",
        "r-003: file new is not ours",
        "r-003: file 1-photo.jpg stored 2 times, described 0 times",
        "r-003: file 2-receipt.pdf arrived with other content",
    ]


def test_the_demonstration_empties_no_folder_but_its_own(wf_processes: Processes, tmp_path: Path) -> None:
    """Given a folder with other things in it, the demonstration refuses, says so and leaves it alone."""
    (tmp_path / "precious").write_text("data")
    done = wf_processes.run(str(EXAMPLE / "demo.py"), "--folder", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path} holds something that is not ours" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.timeout(150)
def test_the_demonstration_submits_every_report_exactly_once(wf_processes: Processes) -> None:
    """A kill, a FLUSHALL and an outage later, the API's ledger holds each report and each file exactly once."""
    # Not pytest's folder, whose parents are closed to the account of Postgres.
    folder = Path(tempfile.mkdtemp(prefix="wf-demo-"))
    try:
        done = wf_processes.run(
            str(EXAMPLE / "demo.py"), "--reports", "4", "--folder", str(folder / "demo"),
            timeout=120, WF_DATABASE_URL="", WF_REDIS_URL="",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        for event in ("kill -9 worker", "FLUSHALL", "the API is down", "4 of 4"):
            assert event in done.stdout
        (dashboard,) = re.findall(r"the dashboard is at (http://127\.0\.0\.1:\d+) ", done.stdout)
        assert f"wf api listens on {dashboard}\n" in (folder / "demo" / "dashboard.log").read_text()
        drafts = [json.loads(path.read_text()) for path in (folder / "demo" / "inputs").glob("*/report.json")]
        files = [path.name for path in (folder / "demo" / "inputs").glob("*/files/*")]
        with closing(sqlite3.connect(folder / "demo" / "ledger.sqlite")) as ledger:
            rows = ledger.execute("SELECT action, reference, file, count(*) FROM effect GROUP BY 1, 2, 3").fetchall()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert {count for *_, count in rows} == {1}
    assert len(drafts) == 4
    assert sum(action == "finalize report" for action, *_ in rows) == len(drafts)
    assert sum(action == "upload file" for action, *_ in rows) == len(files) > 0
    assert len(rows) == 2 * len(drafts) + 2 * len(files)
