"""Counts over time by HTTP: JSON, CSV and pictures are the same numbers, and each sees only what is theirs."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.support.access import make_token
from tests.support.errands import Errand, versions
from tests.support.metrics import counts, flushed, journaled
from wf import wire
from wf_api.exports import cell
from wf_api.pictures import PICTURES

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

SERIES = "/api/metrics/series"


def run_some(rig: Rig) -> None:
    for cls in (Errand, versions("charts-other", "1")[0]):
        rig.workers[0].catalog.register(cls)
        rig.create(cls, "ok", {"do": ""})
        rig.create(cls, "bad", {"do": "fail"})
    rig.settle()


def test_the_series_is_what_the_library_says(rig: Rig, api: Api) -> None:
    """And that is what the journal says."""
    run_some(rig)
    charts = flushed(rig)
    found = api.ok("GET", SERIES)
    assert counts(found["totals"]) == journaled(rig)
    assert len(found["points"]) == 60
    assert found["points"][-1]["started"] == 4
    mine = wire.charted(charts.series("24h", "errand"))
    got = api.ok("GET", SERIES, params={"range": "24h", "workflow": "errand"})
    assert got["totals"] == mine["totals"]
    assert (got["workflow"], got["totals"]["errored"], got["span"]) == ("errand", 1, 600)


def test_workflows_are_compared(rig: Rig, api: Api) -> None:
    """Each with its totals and its sparkline."""
    run_some(rig)
    flushed(rig)
    found = api.ok("GET", "/api/metrics/workflows", params={"range": "7d"})
    assert {one["workflow"]: one["started"] for one in found["workflows"]} == {"errand": 2, "charts-other": 2}
    assert [len(one["points"]["steps"]) for one in found["workflows"]] == [56, 56]


def test_the_csv_has_the_same_numbers(rig: Rig, api: Api) -> None:
    """A line for each point, under the names of the API, saved under a name that tells what it is."""
    run_some(rig)
    flushed(rig)
    answer = api("GET", f"{SERIES}.csv", params={"workflow": "errand", "range": "6h"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="wf-series-errand-6h.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    points = api.ok("GET", SERIES, params={"workflow": "errand", "range": "6h"})["points"]
    assert [line["at"] for line in lines] == [point["at"] for point in points]
    assert [int(line["started"]) for line in lines] == [point["started"] for point in points]
    assert {line["workflow"] for line in lines} == {"errand"}
    assert {line["p50"] for line in lines} == {""}
    assert {line["seconds"] for line in lines[:-1]} == {"600"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    """What a spreadsheet would execute is text; numbers, also negative ones, stay numbers."""
    assert cell(text) == f"'{text}"
    assert [cell(value) for value in ("plain", -1.5, None)] == ["plain", -1.5, None]


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_are_files(rig: Rig, api: Api, picture: str) -> None:
    """SVG that stands for itself, with the headers that every answer has."""
    run_some(rig)
    flushed(rig)
    answer = api("GET", "/api/metrics/plot.svg", params={"picture": picture, "workflow": "errand"})
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-disposition"] == f'attachment; filename="wf-{picture}-errand-1h.svg"'
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "of errand, last hour" in (ET.fromstring(answer.text).get("aria-label") or "")


def test_each_sees_what_is_theirs(rig: Rig, api: Api) -> None:
    """A token for some workflows sums up and lists these; others it may not name."""
    run_some(rig)
    flushed(rig)
    mine = {"headers": make_token(rig, "some", "read", workflows=["errand"])}
    assert api.ok("GET", SERIES, **mine)["totals"]["started"] == 2
    assert [one["workflow"] for one in api.ok("GET", "/api/metrics/workflows", **mine)["workflows"]] == ["errand"]
    for path in (SERIES, f"{SERIES}.csv", "/api/metrics/plot.svg"):
        assert api.refusal("GET", path, params={"workflow": "charts-other"}, **mine)[0] == 403
        assert api("GET", path, params={"workflow": "errand"}, **mine).status_code == 200


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        (SERIES, {"range": "2h"}, 400), (SERIES, {"workflow": "nobody"}, 404),
        ("/api/metrics/plot.svg", {"picture": "<svg>"}, 400), (f"{SERIES}.csv", {"workflow": "nobody"}, 404),
        ("/api/metrics/workflows", {"range": ""}, 400), (SERIES, {"workflow": "w" * 65}, 400),
    ],
)  # fmt: skip
def test_what_there_is_not_is_refused(api: Api, path: str, params: dict[str, Any], status: int) -> None:
    """With an answer that is documented."""
    assert api.refusal("GET", path, params=params)[0] == status


def test_examples_have_the_form_of_an_answer(rig: Rig, api: Api) -> None:
    """What OpenAPI shows is what comes."""
    run_some(rig)
    schemas = api("GET", "/api/openapi.json").json()["components"]["schemas"]
    series, table = api.ok("GET", SERIES), api.ok("GET", "/api/metrics/workflows")
    example = schemas["Series"]["example"]
    assert example.keys() == series.keys()
    assert example["points"][0].keys() == series["points"][0].keys()
    assert example["totals"].keys() == series["totals"].keys()
    example = schemas["CountedWorkflows"]["example"]
    assert example.keys() == table.keys()
    assert example["workflows"][0].keys() == table["workflows"][0].keys()
