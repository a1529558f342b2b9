"""An API server takes the manifests, and Dask's operator at work on it makes of them what runs.

A stand-in, and with `KUBEBUILDER_ASSETS` a real server. What a kubelet would do the test does: it runs the
pods that the operator wrote as processes, and says how they ended.
"""

import copy
from base64 import b64encode
from datetime import date

import pytest

from ingest.listing import listing, periods
from tests.deploy import api_server
from tests.deploy import operator as dask_operator
from tests.deploy.api_server import until
from tests.deploy.guide import documented
from tests.deploy.manifests import crds, kind, name, overlay
from tests.deploy.operator import NAMESPACE
from tests.deploy.pods import Runner
from tests.jobs import small


@pytest.fixture(scope="module")
def applied(server):
    """The overlay `local` in the server, and the keys of its S3 server."""
    apply, create = documented("kubectl apply -k deploy/overlays/local").split("&&")
    server.shell(apply)
    server.create(create)
    return overlay("local")


@pytest.fixture(scope="module")
def operator(server, applied, tmp_path_factory):
    log = tmp_path_factory.mktemp("operator") / "log"
    with api_server.operator(server, log):
        yield log


def test_server_keeps_every_field(server, applied):
    for document in applied:
        assert_within(document, server.read(document))


def assert_within(wanted, found) -> None:
    """Everything of `wanted` is in `found`, which may have more keys: the server's defaults."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            if value not in ({}, None):
                assert_within(value, found[key])
    elif isinstance(wanted, list):
        assert len(wanted) == len(found)
        for one, other in zip(wanted, found, strict=True):
            assert_within(one, other)
    else:
        assert str(wanted) == str(found)  # 1000m is 1


def test_server_refuses_a_field_that_it_does_not_know(server, applied):
    (cluster,) = [copy.deepcopy(d) for d in applied if kind(d, "DaskCluster")]
    cluster["metadata"]["name"] = "wrong"
    cluster["spec"]["worker"]["spec"]["containers"][0]["colour"] = "green"
    with pytest.raises(RuntimeError, match="colour"):
        server.apply(cluster)


def test_documented_backfill_is_the_template_with_its_own_period(server, applied):
    line = documented("run backfill-2019")
    server.shell("\n".join([documented("run() {"), line]))
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "backfill-2019"}}
    (template,) = [d["spec"]["jobTemplate"] for d in applied if name(d) == "CronJob/backfill"]
    made = server.read(job)["spec"]
    (container,) = made["template"]["spec"]["containers"]
    period = "sat=goes16 t0=2019-01-01 tf=2019-12-31"
    assert container["env"] == [{"name": "LAKE_LISTING_SET", "value": period}]
    assert_within(template["spec"], made)


def test_documented_merge_and_ingest_are_jobs_of_their_templates(server, applied):
    lines = [documented("run() {"), documented("run merge-1 merge")]
    server.shell("\n".join(lines))
    server.create(documented("kubectl -n goeslake create job ingest-now"))
    for made, template in (("merge-1", "merge"), ("ingest-now", "ingest")):
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": made}}
        (cronjob,) = [d for d in applied if name(d) == f"CronJob/{template}"]
        assert_within(cronjob["spec"]["jobTemplate"]["spec"], server.read(job)["spec"])
    merge = server.read({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "merge-1"}})
    (container,) = merge["spec"]["template"]["spec"]["containers"]
    (keys,) = [of["value"] for of in container["env"] if of["name"] == "LAKE_MERGE"]
    assert len(keys.split()) == 2


def test_documented_backfill_of_years_has_a_pod_for_each(server, applied):
    server.shell(documented("kubectl -n goeslake create job years"))
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "years"}}
    made = server.read(job)["spec"]
    assert (made["completionMode"], made["completions"], made["parallelism"]) == ("Indexed", 7, 7)
    (container,) = made["template"]["spec"]["containers"]
    given = {e["name"]: e["value"] for e in container["env"] if "value" in e}
    since, until = (date.fromisoformat(given[f"BACKFILL_{of}"]) for of in ("SINCE", "UNTIL"))
    rules = listing.load("clearland-l1b-c0", given["LAKE_LISTING_SET"].split())
    assert len(periods.by_rule(rules, "year", since, until, until)) == made["completions"]


def test_documented_certificates_are_those_of_the_secret(server, applied, tmp_path):
    files = {"ca.crt": "authority\n", "tls.crt": "certificate\n", "tls.key": "key\n"}
    given = {k: b64encode(v.encode()).decode() for k, v in files.items()}
    about = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "dask-laptop"},
        "data": given,
    }
    server.apply(about)
    server.shell(documented("for f in ca.crt"), tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600


def test_operator_makes_the_cluster(server, operator):
    scheduler, *workers = until(
        lambda: found if len(found := server.deployments("lake")) == 2 else None
    )
    assert scheduler["metadata"]["name"] == "lake-scheduler"
    assert all(of["metadata"]["name"].startswith("lake-default-worker-") for of in workers)
    service = server.read(_service("lake"))
    labels = scheduler["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()


def _service(cluster):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{cluster}-scheduler"}}


@pytest.fixture
def job(applied, tmp_path):
    """A DaskJob that samples a small lake, of our own cluster and of the pod of `backfill`."""
    truth = small.build(tmp_path / "lake")
    (cluster,) = [copy.deepcopy(d["spec"]) for d in applied if kind(d, "DaskCluster")]
    cluster["worker"]["replicas"] = 1
    # of another name than the cluster's own
    cluster["scheduler"]["service"]["selector"]["dask.org/cluster-name"] = "draw"
    (worker,) = cluster["worker"]["spec"]["containers"]
    worker["env"] = [e for e in worker["env"] if e["name"] != "DASK_SCHEDULER_ADDRESS"]
    (backfill,) = [d for d in applied if name(d) == "CronJob/backfill"]
    pod = copy.deepcopy(backfill["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    pod["containers"][0]["args"] = ["sample", truth.key, "--lake", truth.root, "--json"]
    return {
        "apiVersion": "kubernetes.dask.org/v1", "kind": "DaskJob",
        "metadata": {"name": "draw", "namespace": NAMESPACE},
        "spec": {"cluster": {"spec": cluster}, "job": {"spec": pod}},
    }  # fmt: skip


def test_dask_job_succeeds_and_its_cluster_goes(server, operator, applied, job, tmp_path):
    server.apply(job)
    made = until(lambda: found if len(found := server.deployments("draw")) == 2 else None)
    written = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "draw-runner"}}
    pod = until(lambda: server.read(written))
    with Runner(applied, {"lake-credentials": {}}, tmp_path) as runner:
        runner.made([made[0], server.read(_service("draw")), made[1]])
        process = runner.start("draw-runner", pod["spec"])
        server.set_status(written, phase="Running")
        until(lambda: server.read(job)["status"]["jobStatus"] == "Running")
        assert process.finish() == 0, process.err
        server.set_status(written, phase="Succeeded")
        until(lambda: server.read(job)["status"]["jobStatus"] == "Successful")
    assert '"already_done": false' in process.out
    assert "Dask cluster at tcp://127.0.0.1" in process.err
    cluster = job | {"kind": "DaskCluster"}
    until(lambda: not server.has(cluster))


def test_documented_uninstall_leaves_nothing_that_waits_for_the_operator(tmp_path):
    """The finalizers are the operator's own; a namespace that is deleted waits for them in the same way."""
    dask = [d for d in overlay("local") if d["kind"] in ("DaskCluster", "DaskAutoscaler")]
    with api_server.stood_in(tmp_path) as server:
        for crd in crds():
            server.apply(crd)
        server.shell("kubectl apply -k deploy/overlays/local")
        server.apply(_scheduler_pod(dask))
        with api_server.operator(server, tmp_path / "log"):
            until(lambda: _are_marked(server, dask))
            in_order = documented("kubectl -n goeslake delete daskautoscaler")
            server.shell(
                f"timeout {api_server.PATIENCE_S} {in_order}"
            )  # it waits until they are gone
            assert not any(server.has(d) for d in dask)
            server.shell("kubectl apply -k deploy/overlays/local")
            until(lambda: _are_marked(server, dask))
        # the operator went first
        server.shell("kubectl -n goeslake delete daskautoscaler,daskcluster --all --wait=false")
        assert all(server.read(d)["metadata"]["deletionTimestamp"] for d in dask)  # for good
        server.shell(documented("for kind in daskautoscaler"))
        assert not any(server.has(d) for d in dask)


def _are_marked(server, documents) -> bool:
    """Whether the operator has seen them."""
    return all(server.read(d)["metadata"].get("finalizers") for d in documents)


def _scheduler_pod(dask):
    """What a kubelet would have of the scheduler's Deployment: the operator asks for it."""
    (cluster,) = [d for d in dask if kind(d, "DaskCluster")]
    template = dask_operator.made(cluster, workers=0)[0]["spec"]["template"]
    about = {"name": "lake-scheduler-0", "labels": template["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": template["spec"]}
