"""The Grafana dashboard; `python -m configs.grafana.dashboard` writes hark.json, which Grafana imports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from configs.grafana.cluster_rows import CLUSTER_ROWS
from configs.grafana.panels import Panel
from configs.grafana.service_rows import SERVICE_ROWS

FILE = Path(__file__).with_name("hark.json")
ROWS = (*SERVICE_ROWS, *CLUSTER_ROWS)

_WIDTH = 24  # of Grafana's grid
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    return {
        "uid": "hark",
        "title": "Hark",
        "tags": ["hark", "ray"],
        "schemaVersion": 39,
        "editable": True,
        "timezone": "browser",
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "graphTooltip": 1,
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }


def _variables() -> list[dict[str, Any]]:
    models = "label_values(ray_hark_recognizer_chunks_total, model)"
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "model",
            "type": "query",
            "datasource": _DATASOURCE,
            "query": {"query": models, "refId": "models"},
            "definition": models,
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for row in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"h": 1, "w": _WIDTH, "x": 0, "y": y},
        }
        x, y = 0, y + 1
        for panel in row.panels:
            number += 1
            height = 4 if panel.kind == "stat" else 7
            if x + panel.width > _WIDTH:
                x, y = 0, y + height
            yield _panel(number, panel, {"h": height, "w": panel.width, "x": x, "y": y})
            x += panel.width
        y += height


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    chart = panel.kind == "timeseries"
    style = {"lineWidth": 1, "fillOpacity": 20 if panel.stacked else 5}
    stacking = {"stacking": {"mode": "normal"}} if panel.stacked else {}
    lists = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {**style, **stacking} if chart else {}},
            "overrides": [],
        },
        "options": lists if chart else {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"},
        "targets": [
            {
                "refId": chr(ord("A") + i),
                "datasource": _DATASOURCE,
                "expr": expr,
                "legendFormat": legend or "__auto",
                "editorMode": "code",
                "range": True,
            }
            for i, (expr, legend) in enumerate(panel.queries)
        ],
    }


def rendered() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
