"""The Prometheus files: scraping, alerts, and that each alert fires for its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from promtool import EXPORTERS_LABELS, needs_promtool, our_metric, promtool, selectors

PROMETHEUS = Path(__file__).parents[2] / "configs" / "prometheus"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "hark_alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@needs_promtool()
def test_prometheus_takes_the_scrape_example() -> None:
    assert "is valid prometheus config file syntax" in promtool("check", "config", PROMETHEUS / "prometheus.yml")


@needs_promtool()
def test_prometheus_takes_the_rules() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", PROMETHEUS / "hark_alerts.yml")


@needs_promtool()
def test_alerts_fire_for_their_reason_and_not_without_it() -> None:
    assert "SUCCESS" in promtool("test", "rules", PROMETHEUS / "hark_alerts_test.yml")


def test_every_alert_is_tested_and_says_how_bad_it_is_and_what_to_do() -> None:
    tests = yaml.safe_load((PROMETHEUS / "hark_alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {each["alertname"] for test in tests for each in test["alert_rule_test"] if each["exp_alerts"]}
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    assert fired == set(alerts)
    for alert in alerts.values():
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["annotations"]["summary"]
        assert alert["annotations"]["action"]
        assert alert["for"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_ask_for_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    for name, labels in selectors(rule["expr"]):
        metric = our_metric(name)
        if metric is not None:
            assert set(labels) <= {*metric.labels, *EXPORTERS_LABELS}, name
