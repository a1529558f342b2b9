"""Alerts and dashboard ask for metrics that are told; alerts fire when they should, by promtool."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import gettempdir

import pytest
import yaml

from jobs.commands.prometheus import PrometheusText
from tests.deploy.manifests import DEPLOY, ROOT
from tests.jobs import small

FOLDER = DEPLOY / "monitoring"
METRIC = re.compile(r"\blake_[a-z_]+")


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> set[str]:
    root = small.build(tmp_path_factory.mktemp("lake") / "lake").root
    return set(METRIC.findall(PrometheusText(root, 0).text()))


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


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' own; where it is not installed, out of Debian's package, which is not installed."""
    if found := shutil.which("promtool"):
        return found
    folder = Path(gettempdir(), "goeslake-promtool")
    if not (found := folder / "usr/bin/promtool").exists():
        folder.mkdir(exist_ok=True)
        fetch = ["sh", "-c", "apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb ."]
        if subprocess.run(fetch, check=False, cwd=folder, capture_output=True).returncode:
            pytest.skip("no promtool: it comes with Debian's package prometheus")
    return str(found)


STORE = '{key="k"}'
INGEST = '{command="ingest",subject="s"}'
OPEN = {f"lake_store_period_end_timestamp_seconds{STORE}": 1e9, f"lake_store_steps{STORE}": 1}
OVER = OPEN | {f"lake_store_period_end_timestamp_seconds{STORE}": 0}
NEWEST = {f"lake_store_newest_step_timestamp_seconds{STORE}": 0}
COMMITTED = {f"lake_store_last_commit_timestamp_seconds{STORE}": 0}
SUCCEEDED = {f"lake_command_succeeded_timestamp_seconds{INGEST}": 0}
ENDS = '{command="ingest",subject="s",what="period_end"}'
FINDINGS = '{command="verify",subject="s",what="findings"}'

CASES = [
    ({}, 0.1, ""),
    ({}, 0.5, "LakeMetricsDown"),
    (OPEN | NEWEST, 12.5, ""),
    (OPEN | NEWEST, 12.7, "LakeLags"),
    (OVER | NEWEST | COMMITTED, 20, ""),
    (OPEN | COMMITTED, 18, ""),
    (OPEN | COMMITTED, 18.3, "LakeDoesNotCommit"),
    (OPEN | SUCCEEDED | {f"lake_command_counted{ENDS}": 1e9}, 3.1, ""),
    (OPEN | SUCCEEDED | {f"lake_command_counted{ENDS}": 1e9}, 3.3, "LakeIngestSilent"),
    (OPEN | SUCCEEDED | {f"lake_command_counted{ENDS}": 0}, 9, ""),
    *((OPEN | {f"lake_command_exit_code{INGEST}": code}, 1, "") for code in (0, 1, 143)),
    *(
        (OPEN | {f"lake_command_exit_code{INGEST}": code}, 1, "LakeCommandNeedsSomebody")
        for code in (2, 64, 65)
    ),
    (OPEN | {f"lake_command_counted{FINDINGS}": 0}, 1, ""),
    (OPEN | {f"lake_command_counted{FINDINGS}": 2}, 1, "LakeVerifyFailed"),
    (OPEN | {'lake_runs{job="pca",state="done"}': 5}, 1, ""),
    (OPEN | {'lake_runs{job="pca",state="stalled"}': 1}, 1, "LakeRunFailed"),
]
"""Metrics, hours since the epoch, and the one alert that is then firing; times told are the epoch's."""


def test_alerts_fire_when_they_should_and_no_others(promtool, tmp_path):
    document = {
        "rule_files": [str(FOLDER / "alerts.yaml")], "evaluation_interval": "5m",
        "tests": [case(*of) for of in CASES],
    }  # fmt: skip
    (tmp_path / "test.yaml").write_text(json.dumps(document))
    command = [promtool, "test", "rules", tmp_path / "test.yaml"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    alerts = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
    assert {alert["alert"] for alert in alerts} | {""} == {firing for *_, firing in CASES}


def case(told, hours, firing):
    """For `promtool test rules`."""
    minutes = round(hours * 60)
    values = f"x{minutes // 5}"
    series = [{"series": name, "values": f"{value:g}{values}"} for name, value in told.items()]
    ask = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{minutes}m"}
    if firing:
        ask["exp_samples"] = [{"labels": f'{{alertname="{firing}"}}', "value": 1}]
    about = f"{firing or 'nothing'} at {hours} h of {told}"
    return {"name": about, "interval": "5m", "input_series": series, "promql_expr_test": [ask]}
