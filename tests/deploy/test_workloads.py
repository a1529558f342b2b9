"""Pods, their memory and the rules of their jobs: what schemas cannot say."""

import re

import dask
import pytest

from lake import dask_cluster
from lake.errors import ConfigError, DataError
from tests.deploy.manifests import OVERLAYS, QUICKSTARTS, kind, name, overlay, pods, text

EVERYTHING = {text(d): d for o in (*OVERLAYS, *QUICKSTARTS) for d in overlay(o)}
WORKLOADS = [d for d in EVERYTHING.values() if list(pods(d))]


def documents(which):
    return pytest.mark.parametrize("document", which, ids=[name(d) for d in which])


@documents([d for d in EVERYTHING.values() if kind(d, "DaskCluster")])
def test_workers_of_a_cluster_are_set_like_those_of_this_machine(document):
    (worker,) = document["spec"]["worker"]["spec"]["containers"]
    set_by = {e["name"]: e["value"] for e in worker["env"] if "value" in e}
    assert set_by.items() >= dask_cluster.MALLOC.items()  # not by Dask: it writes their names small
    configured = dask.config.collect_env(set_by)
    for key, wanted in dask_cluster.WORKERS.items():
        if not isinstance(wanted, dict):
            assert dask.config.get(key, config=configured) == wanted


@documents(WORKLOADS)
def test_pods_may_do_nothing_that_they_need_not(document):
    for pod in pods(document):
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert (security["runAsUser"], security["runAsNonRoot"]) == (10001, True)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@documents(WORKLOADS)
def test_memory_asked_for_is_the_memory_that_is_given(document):
    for pod in pods(document):
        for container in pod["containers"]:
            resources = container["resources"]
            assert resources["requests"]["memory"] == resources["limits"]["memory"]
            limit = dict(zip(container["args"], container["args"][1:], strict=False)).get(
                "--memory-limit"
            )
            if limit:  # Dask must know of less than what the kernel kills at
                assert float(limit.removesuffix("GiB")) < float(
                    resources["limits"]["memory"].removesuffix("Gi")
                )


def test_exit_codes_that_end_a_job_are_those_of_errors_that_no_retry_mends():
    final = [2, ConfigError.exit_code, DataError.exit_code]
    jobs = [d for d in EVERYTHING.values() if kind(d, "CronJob")]
    for document in jobs:
        job = document["spec"]["jobTemplate"]["spec"]
        fail, ignore = job["podFailurePolicy"]["rules"]
        (container,) = job["template"]["spec"]["containers"]
        indexed = job.get("completionMode") == "Indexed"  # the other indices go on
        assert fail["action"] == ("FailIndex" if indexed else "FailJob")
        assert indexed == ("backoffLimitPerIndex" in job)
        assert fail["onExitCodes"] == {
            "containerName": container["name"], "operator": "In", "values": final,
        }  # fmt: skip
        assert ignore == {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        }
        assert job["template"]["spec"]["restartPolicy"] == "Never"  # or the policy is not allowed
    assert {d["metadata"]["name"] for d in jobs} == {
        "ingest", "backfill", "backfill-years", "merge", "gc", "verify",
    }  # fmt: skip


def test_hourly_run_ends_before_the_next_and_never_stops_for_good():
    (spec,) = [d["spec"] for d in overlay("aws") if name(d) == "CronJob/ingest"]
    assert re.fullmatch(r"\d+ \* \* \* \*", spec["schedule"])
    assert (spec["timeZone"], spec["concurrencyPolicy"]) == ("Etc/UTC", "Forbid")
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 3600
    assert spec["startingDeadlineSeconds"] > 0


def test_gpu_workers_have_a_cluster_of_their_own():
    for which in ("aws", "gcp", "staging"):
        clusters = {d["metadata"]["name"]: d for d in overlay(which) if kind(d, "DaskCluster")}
        wants = {n: "nvidia.com/gpu" in text(d["spec"]["worker"]) for n, d in clusters.items()}
        assert wants == {"lake": False, "lake-gpu": True}


def test_gpu_worker_fits_the_common_machine_with_one_gpu():
    """Google says what is left of a node's memory for pods: 27.7 of 32 GiB (g2-standard-8)."""
    for document in EVERYTHING.values():
        if name(document) == "DaskCluster/lake-gpu":
            (container,) = document["spec"]["worker"]["spec"]["containers"]
            assert float(container["resources"]["requests"]["memory"].removesuffix("Gi")) <= 25
            assert float(container["resources"]["requests"]["cpu"]) <= 7
