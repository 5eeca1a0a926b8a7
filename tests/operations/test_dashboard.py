"""The Grafana dashboard: that it is what its table says, and that every question in it can be answered."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from promtool import EXPORTERS_LABELS, needs_promtool, our_metric, promtool, selectors

from configs.grafana.dashboard import FILE, rendered
from configs.grafana.render import Series, draw, legend, shown
from serve_app.ports.metrics import VOCABULARY

DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRS: list[str] = [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_the_file_is_what_the_table_makes() -> None:
    assert FILE.read_text(encoding="utf-8") == rendered(), "run python -m configs.grafana.dashboard"


def test_panels_have_ids_titles_and_places_of_their_own() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles) > 20
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_panel_has_a_unit_and_asks_the_chosen_datasource() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in PANELS:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for source in (panel, *panel["targets"]):
            assert source["datasource"]["uid"] == "${datasource}", panel["title"]
    used = set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps([EXPRS, PANELS[0]["datasource"]])))
    assert used <= set(variables), "a variable that is not there"


@needs_promtool()
def test_every_expression_is_promql(tmp_path: Path) -> None:
    plain = [expr.replace("$__rate_interval", "5m").replace("$model", ".*") for expr in EXPRS]
    rules = [{"record": f"panel:{i}", "expr": expr} for i, expr in enumerate(plain)]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    assert f"{len(EXPRS)} rules found" in promtool("check", "rules", path)


def test_every_expression_asks_for_metrics_and_labels_that_exist() -> None:
    for expr in EXPRS:
        for name, labels in selectors(expr):
            metric = our_metric(name)
            if metric is not None:
                assert set(labels) <= {*metric.labels, *EXPORTERS_LABELS}, expr


def test_what_is_measured_is_shown() -> None:
    shown = {metric.name for expr in EXPRS for name, _ in selectors(expr) if (metric := our_metric(name))}
    left_out = {metric.name for metric in VOCABULARY} - shown
    # Told by other panels already, or of use in a search only.
    assert left_out == {
        "hark_request_body_bytes",
        "hark_recognizer_waiting_chunks",
        "hark_language_model_seconds",
        "hark_language_model_answers",
        "hark_realtime_sessions_opened",
        "hark_realtime_session_seconds",
    }


def test_legends_and_figures_read_as_grafana_shows_them() -> None:
    assert legend("p95 {{route}}", {"route": "/v1/transcribe"}) == "p95 /v1/transcribe"
    assert legend("__auto", {"__name__": "up", "job": "hark", "a": "b"}) == "b hark"
    assert [shown(0.051, "percentunit"), shown(12.0, "s"), shown(0.25, "reqps")] == ["5.1 %", "12 s", "0.25 /s"]
    assert [shown(1.0, "bool_yes_no"), shown(0.0, "bool_yes_no")] == ["yes", "no"]


def test_the_picture_draws_what_has_data_and_says_of_the_rest_that_it_has_none(tmp_path: Path) -> None:
    class Answers:
        def series(self, target: dict[str, Any]) -> list[Series]:
            return [Series(name="base", points=[(1e9, 1.0), (1e9 + 60, 2.0)])] if "busy" in target["expr"] else []

    out = tmp_path / "picture.png"
    filled = draw(DASHBOARD, Answers(), out)  # type: ignore[arg-type]
    assert 0 < filled < len(PANELS)
    assert out.read_bytes().startswith(b"\x89PNG")
