"""Which pods keep their places, and on which nodes."""

import pytest

from tests.deploy.manifests import OVERLAYS, kind, overlay, selects
from tests.deploy.operator import templates


@pytest.mark.parametrize("which", OVERLAYS)
def test_budget_and_priority_keep_schedulers_before_ingest_before_workers(which):
    (budget,) = [d["spec"] for d in overlay(which) if kind(d, "PodDisruptionBudget")]
    assert budget["maxUnavailable"] == 0
    value = {d["metadata"]["name"]: d["value"] for d in overlay(which) if kind(d, "PriorityClass")}
    ranks = {"scheduler": set(), "worker": set(), "others": set()}
    for pod, template in templates(which).items():
        *_, of = pod.split()
        kept = selects(budget["selector"], template["metadata"]["labels"])
        assert kept == (of == "scheduler"), pod
        rank = value[template["spec"]["priorityClassName"]]
        ranks[of if of in ranks else "others"].add(rank)
    assert min(ranks["scheduler"]) > max(ranks["others"]) > max(ranks["worker"])


@pytest.mark.parametrize("which", OVERLAYS)
def test_no_pod_takes_the_place_of_another_team_and_the_autoscaler_adds_nodes_for_all(which):
    """Pods without a class have 0; below -10 the cluster autoscaler adds no node."""
    for document in overlay(which):
        if kind(document, "PriorityClass"):
            assert -10 <= document["value"] < 0
            assert document["preemptionPolicy"] == "Never"
            assert not document.get("globalDefault")


@pytest.mark.parametrize(
    ("which", "spot", "other"),
    [
        (
            "aws",
            {"karpenter.sh/capacity-type": "spot"},
            {"karpenter.sh/capacity-type": "on-demand"},
        ),
        ("gcp", {"cloud.google.com/gke-spot": "true"}, {}),
        ("gcp", {"cloud.google.com/gke-preemptible": "true"}, {}),
    ],
)
def test_scheduler_is_kept_off_nodes_that_are_taken_away(which, spot, other):
    for document in overlay(which):
        if kind(document, "DaskCluster"):
            scheduler, worker = document["spec"]["scheduler"]["spec"], document["spec"]["worker"]
            assert not may_run_on(scheduler, spot)
            assert may_run_on(scheduler, other)
            assert not may_run_on(worker["spec"], other)  # workers are of the cheap ones alone


def may_run_on(spec, labels) -> bool:
    """Whether a pod's selectors allow a node with these labels."""
    required = spec.get("affinity", {}).get("nodeAffinity", {})
    terms = required.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    for term in terms.get("nodeSelectorTerms", []):
        for expression in term["matchExpressions"]:
            assert expression["operator"] == "DoesNotExist"
            if expression["key"] in labels:
                return False
    return spec.get("nodeSelector", {}).items() <= labels.items()


@pytest.mark.parametrize("which", OVERLAYS)
def test_nodes_are_not_tidied_up_under_a_driver_of_days(which):
    kept = {
        pod for pod, template in templates(which).items()
        if template["metadata"].get("annotations", {}).get("karpenter.sh/do-not-disrupt") == "true"
    }  # fmt: skip
    assert kept == {"backfill", "backfill-years", "merge"}
