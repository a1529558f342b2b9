"""What Dask's operator makes of a DaskCluster, by its own functions: its Deployments and its Service."""

import copy
import warnings

from tests.deploy.manifests import Document, kind, overlay

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the packages that it brings
    from dask_kubernetes.operator.controller import controller

NAMESPACE = "goeslake"


def made(cluster: Document, *, workers: int) -> list[Document]:
    """The scheduler's Deployment and Service, and Deployments of so many workers."""
    spec, name = copy.deepcopy(cluster["spec"]), cluster["metadata"]["name"]
    labels = cluster["metadata"].get("labels", {})
    scheduler, worker = spec["scheduler"], spec["worker"]
    about = scheduler["metadata"]["annotations"], labels
    found = [
        controller.build_scheduler_deployment_spec(name, scheduler["spec"], *about),
        controller.build_scheduler_service_spec(name, scheduler["service"], *about),
    ]
    for number in range(workers):
        found.append(  # noqa: PERF401 (as the operator does)
            controller.build_worker_deployment_spec(
                f"{name}-default",
                NAMESPACE,
                name,
                f"{number:010x}",
                worker["spec"],
                worker["metadata"]["annotations"],
                labels,
            )
        )
    return found


def templates(which: str) -> dict[str, Document]:
    """Name -> metadata and spec of every pod of an overlay, those that the operator writes among them."""
    found = {}
    for document in overlay(which):
        if kind(document, "DaskCluster"):
            scheduler, _, worker = made(document, workers=1)
            cluster = document["metadata"]["name"]
            found[f"{cluster} scheduler"] = scheduler["spec"]["template"]
            found[f"{cluster} worker"] = worker["spec"]["template"]
        elif document["kind"] in ("Deployment", "Job"):
            found[document["metadata"]["name"]] = document["spec"]["template"]
        elif kind(document, "CronJob"):
            found[document["metadata"]["name"]] = document["spec"]["jobTemplate"]["spec"][
                "template"
            ]
    return found
