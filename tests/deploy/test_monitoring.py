"""Alerts and dashboard ask for metrics that are told."""

import json
import re

import pytest
import yaml

from jobs.metrics import Board
from tests.deploy.manifests import DEPLOY, ROOT
from tests.jobs import small

FOLDER = DEPLOY / "monitoring"
METRIC = re.compile(r"\blake_[a-z_]+")


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> set[str]:
    root = small.build(tmp_path_factory.mktemp("lake") / "lake").root
    return set(METRIC.findall(Board(root, 0).text()))


def test_alerts_ask_for_metrics_that_are_told(told):
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names)
    for rule in group["rules"]:
        asked = set(METRIC.findall(rule["expr"]))
        assert asked
        assert asked <= told, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]


def test_dashboard_shows_metrics_that_are_told(told):
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    places = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert set(METRIC.findall(target["expr"])) <= told
        places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
    assert len(places) == len(dashboard["panels"])


def test_documented_metrics_are_told(told):
    text = (ROOT / "docs" / "deploy.md").read_text()
    assert set(METRIC.findall(text)) <= told
