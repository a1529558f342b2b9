"""Alerts and dashboard ask for metrics that are told; alerts fire when they should, by promtool."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import gettempdir

import pytest
import yaml

from jobs.commands.prometheus_server import PrometheusText
from tests.deploy.manifests import DEPLOY, ROOT
from tests.jobs import small

FOLDER = DEPLOY / "monitoring"
METRIC = re.compile(r"\blake_[a-z_]+")
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
KUBE_STATE_METRICS = {
    "kube_cronjob_created",
    "kube_cronjob_spec_suspend",
    "kube_cronjob_status_last_successful_time",
    "kube_job_failed",
    "kube_job_owner",
    "kube_job_status_start_time",
    "kube_pod_container_status_waiting_reason",
    "kube_pod_status_phase",
}
"""By its own docs/metrics, release 2.14."""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> set[str]:
    root = small.build(tmp_path_factory.mktemp("lake") / "lake").root
    return set(METRIC.findall(PrometheusText(root, 0).text()))


def test_alerts_ask_for_metrics_that_are_told(told):
    of_lake, of_kubernetes = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in of_lake["rules"]:
        asked = set(METRIC.findall(rule["expr"]))
        assert asked
        assert asked <= told, rule["alert"]
    for rule in of_kubernetes["rules"]:
        asked = set(re.findall(r"\bkube_[a-z_]+", rule["expr"]))
        assert asked
        assert asked <= KUBE_STATE_METRICS, rule["alert"]
        assert 'namespace=~"goeslake.*"' in rule["expr"]
    for rule in RULES:
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
UP = {"lake_stores": 1}
OPEN = UP | {f"lake_store_period_end_timestamp_seconds{STORE}": 1e9}
OVER = OPEN | {'lake_store_period_end_timestamp_seconds{key="old"}': 0}
OLD = {'lake_store_newest_step_timestamp_seconds{key="old"}': 0}
NEWEST = {f"lake_store_newest_step_timestamp_seconds{STORE}": 0}
COMMITTED = {f"lake_store_last_commit_timestamp_seconds{STORE}": 0}
SUCCEEDED = {f"lake_command_succeeded_timestamp_seconds{INGEST}": 0}
ENDS = '{command="ingest",subject="s",what="period_end"}'
FINDINGS = '{command="verify",subject="s",what="findings"}'
BEGAN = f"lake_command_began_timestamp_seconds{INGEST}"
EXIT = f"lake_command_exit_code{INGEST}"
DAY = 24
"""Samples of a day in `MONTH`, one an hour."""
HOURLY = "0+3600x720"
"""Something that happens all the time, for 30 days."""
DONE = f"lake_command_succeeded_timestamp_seconds{INGEST}"
YEAR, NEXT = 15 * 86400, 15 * 86400 + 365 * 86400
NEW_YEAR = UP | {
    f"lake_store_period_end_timestamp_seconds{STORE}": YEAR,
    f"lake_store_newest_step_timestamp_seconds{STORE}": f"0+3600x{15 * DAY} {YEAR}x{15 * DAY}",
    f"lake_store_last_commit_timestamp_seconds{STORE}": f"0+3600x{15 * DAY} {YEAR}x{15 * DAY}",
    f"lake_command_counted{ENDS}": YEAR,
    EXIT: 0,
    BEGAN: HOURLY,
    DONE: HOURLY,
}
"""The year ends on day 15, and hourly runs find nothing to do from then on, which is a success."""
ROLLED = NEW_YEAR | {
    'lake_store_period_end_timestamp_seconds{key="n"}': f"_x{15 * DAY + 1} {NEXT}x{15 * DAY}",
    'lake_store_newest_step_timestamp_seconds{key="n"}': f"_x{15 * DAY + 1} {YEAR}+3600x{15 * DAY}",
    'lake_store_last_commit_timestamp_seconds{key="n"}': f"_x{15 * DAY + 1} {YEAR}+3600x{15 * DAY}",
}
"""The same, and an hour later a store of the next year begins."""
BESIDE = UP | {
    'lake_store_period_end_timestamp_seconds{key="k",namespace="goeslake"}': YEAR,
    'lake_store_period_end_timestamp_seconds{key="k",namespace="goeslake-staging"}': NEXT,
}
"""Two copies, of which one alone goes on."""
NEVER = UP | {EXIT: 1, BEGAN: HOURLY}
ONCE = NEVER | {EXIT: f"1x{2 * DAY} 0x{28 * DAY}", DONE: f"_x{2 * DAY} {2 * 86400}+3600x{28 * DAY}"}
FOR_EVER = OPEN | {'lake_runs{job="pca",state="failed"}': "1x720"}
REMOVED = OPEN | {'lake_runs{job="pca",state="failed"}': f"1x{10 * DAY}"}
POD = 'namespace="goeslake",pod="p"'
CRON = '{namespace="goeslake",cronjob="ingest"}'
JOB = '{namespace="goeslake",job_name="j"}'
BROKEN = OPEN | {'kube_job_failed{namespace="goeslake",job_name="j",condition="true"}': 1}
OWNED = BROKEN | {
    'kube_job_owner{namespace="goeslake",job_name="j",owner_kind="CronJob",owner_name="ingest"}': 1,
    f"kube_job_status_start_time{JOB}": 3600,
}
MADE = OPEN | {f"kube_cronjob_created{CRON}": 0, f"kube_cronjob_spec_suspend{CRON}": 0}
WAITING = "kube_pod_container_status_waiting_reason"

HOURS = [
    ({}, 0.1, ""),
    ({}, 0.5, "LakeMetricsDown"),
    (UP | {"lake_stores": 0}, 5.9, ""),
    (OPEN | NEWEST, 12.5, ""),
    (OPEN | NEWEST, 12.7, "LakeLags"),
    (OVER | OLD, 20, ""),
    (OPEN | COMMITTED, 18, ""),
    (OPEN | COMMITTED, 18.3, "LakeDoesNotCommit"),
    (OPEN | SUCCEEDED | {f"lake_command_counted{ENDS}": 1e9}, 3.1, ""),
    (OPEN | SUCCEEDED | {f"lake_command_counted{ENDS}": 1e9}, 3.3, "LakeIngestSilent"),
    (OPEN | SUCCEEDED | {f"lake_command_counted{ENDS}": 0}, 9, ""),
    *((OPEN | {EXIT: code, BEGAN: 0}, 1, "") for code in (0, 1, 143)),
    *((OPEN | {EXIT: code, BEGAN: 0}, 1, "LakeCommandNeedsSomebody") for code in (2, 64, 65)),
    (OPEN | {f"lake_command_counted{FINDINGS}": 0}, 1, ""),
    (OPEN | {f"lake_command_counted{FINDINGS}": 2}, 1, "LakeVerifyFailed"),
    (OPEN | {'lake_runs{job="pca",state="done"}': 5}, 1, ""),
    (OPEN | {'lake_runs{job="pca",state="stalled"}': 1}, 1, "LakeRunFailed"),
    (UP | {EXIT: 1, BEGAN: 0}, 2.9, ""),
    (UP | {EXIT: 1, BEGAN: 0}, 3.2, "LakeIngestNeverSucceeded"),
    (OWNED, 2, "LakeJobFailed"),
    (OWNED | {f"kube_cronjob_status_last_successful_time{CRON}": 3000}, 2, "LakeJobFailed"),
    (OWNED | {f"kube_cronjob_status_last_successful_time{CRON}": 7200}, 3, ""),
    (MADE, 6, ""),
    (MADE, 6.5, "LakeScheduleNeverSucceeded"),
    (OPEN | {f'kube_pod_status_phase{{{POD},phase="Pending"}}': 1}, 0.4, ""),
    (OPEN | {f'kube_pod_status_phase{{{POD},phase="Pending"}}': 1}, 0.7, "LakePodPending"),
    (OPEN | {f'kube_pod_status_phase{{{POD},phase="Running"}}': 1}, 9, ""),
    (OPEN | {f'{WAITING}{{{POD},reason="ImagePullBackOff"}}': 1}, 0.3, "LakePodCannotStart"),
    (OPEN | {f'{WAITING}{{{POD},reason="ContainerCreating"}}': 1}, 0.3, ""),
    (OPEN | {f'{WAITING}{{namespace="n",pod="p",reason="ErrImagePull"}}': 1}, 9, ""),
]
"""Metrics, hours since the epoch, and the one alert that is then firing; times told are the epoch's."""

MONTH = [
    (UP | {"lake_stores": 0}, 30 * 24, "LakeEmpty"),
    (OPEN | {EXIT: 64, BEGAN: 0}, 9 * 24, ""),  # a run by hand, which nobody repeated
    (FOR_EVER, 30 * 24, "LakeRunFailed"),
    (REMOVED, 30 * 24, ""),
    (NEW_YEAR, 15 * 24 + 11, ""),
    (NEW_YEAR, 15 * 24 + 13, "LakeNoStoreCoversNow"),
    (NEW_YEAR, 30 * 24 - 1, "LakeNoStoreCoversNow"),
    *((ROLLED, hours, "") for hours in (15 * 24 + 1, 15 * 24 + 13, 30 * 24 - 1)),
    (BESIDE, 30 * 24 - 1, "LakeNoStoreCoversNow"),
    (NEVER, 30 * 24, "LakeIngestNeverSucceeded"),
    (ONCE, 47, "LakeIngestNeverSucceeded"),
    (ONCE, 30 * 24 - 1, ""),
    (UP | {EXIT: 1, BEGAN: 0}, 9 * 24, ""),
    (BROKEN, 30 * 24, "LakeJobFailed"),
    (MADE, 30 * 24, "LakeScheduleNeverSucceeded"),
    (MADE | {f"kube_cronjob_spec_suspend{CRON}": 1}, 30 * 24, ""),
    (MADE | {f"kube_cronjob_status_last_successful_time{CRON}": 3600}, 30 * 24, ""),
]
"""The same, looked at once an hour for up to 30 days."""


@pytest.mark.parametrize(("cases", "every_minutes"), [(HOURS, 5), (MONTH, 60)])
def test_alerts_fire_when_they_should_and_no_others(promtool, tmp_path, cases, every_minutes):
    document = {
        "rule_files": [str(FOLDER / "alerts.yaml")], "evaluation_interval": f"{every_minutes}m",
        "tests": [case(*of, every_minutes) for of in cases],
    }  # fmt: skip
    (tmp_path / "test.yaml").write_text(json.dumps(document))
    command = [promtool, "test", "rules", tmp_path / "test.yaml"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_in_a_case():
    assert {rule["alert"] for rule in RULES} | {""} == {firing for *_, firing in HOURS + MONTH}


def case(told, hours, firing, every_minutes):
    """For `promtool test rules`; a metric is a number, or its values as promtool writes them."""
    minutes = round(hours * 60)
    values = f"x{minutes // every_minutes}"
    series = [
        {"series": name, "values": value if isinstance(value, str) else f"{value:.0f}{values}"}
        for name, value in told.items()
    ]
    ask = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{minutes}m"}
    if firing:
        ask["exp_samples"] = [{"labels": f'{{alertname="{firing}"}}', "value": 1}]
    about = f"{firing or 'nothing'} at {hours} h of {told}"
    return {
        "name": about, "interval": f"{every_minutes}m", "input_series": series,
        "promql_expr_test": [ask],
    }  # fmt: skip
