"""Every manifest of every overlay, as a strict cluster would judge it, and what schemas cannot say."""

import copy
import json
import os
import re
import shutil

import dask
import pytest
import yaml

from lake import dask_cluster
from lake.errors import ConfigError, DataError
from tests.deploy import operator
from tests.deploy.manifests import (
    DEPLOY,
    OVERLAYS,
    QUICKSTART,
    ROOT,
    VERSIONS,
    fault,
    kind,
    name,
    overlay,
    pods,
    rendered,
    selects,
    text,
)  # fmt: skip

GUIDE = ROOT / "docs" / "deploy.md"
EVERYTHING = {text(d): d for o in (*OVERLAYS, QUICKSTART) for d in overlay(o)}
KINDS = {d["kind"]: d for d in EVERYTHING.values()}
WORKLOADS = [d for d in EVERYTHING.values() if list(pods(d))]


def documents(which):
    return pytest.mark.parametrize("document", which, ids=[name(d) for d in which])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which", OVERLAYS)
def test_every_manifest_is_valid(which, version):
    assert [found for d in overlay(which) if (found := fault(d, version))] == []
    kinds = {d["kind"] for d in overlay(which)}
    certified = set() if which == "local" else {"Issuer", "Certificate"}
    assert kinds == {
        "Namespace", "ServiceAccount", "Role", "PriorityClass", "PodDisruptionBudget", "NetworkPolicy",
        "ConfigMap", "Service", "Deployment", "CronJob", "DaskCluster", "DaskAutoscaler", *certified,
    }  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_operator_makes_of_a_cluster_is_valid(version):
    clusters = [d for d in EVERYTHING.values() if kind(d, "DaskCluster")]
    assert {d["metadata"]["name"] for d in clusters} == {"lake", "lake-gpu"}
    made = [of for cluster in clusters for of in operator.made(cluster, workers=1)]
    assert [found for of in made if (found := fault(of, version))] == []


@documents([d for d in EVERYTHING.values() if kind(d, "DaskCluster")])
def test_workers_of_a_cluster_are_set_like_those_of_this_machine(document):
    (worker,) = document["spec"]["worker"]["spec"]["containers"]
    set_by = {e["name"]: e["value"] for e in worker["env"] if "value" in e}
    assert set_by.items() >= dask_cluster.MALLOC.items()  # not by Dask: it writes their names small
    configured = dask.config.collect_env(set_by)
    for key, wanted in dask_cluster.WORKERS.items():
        if not isinstance(wanted, dict):
            assert dask.config.get(key, config=configured) == wanted


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("of", KINDS)
def test_wrong_manifest_of_each_kind_is_refused(of, version):
    for spoil in (unknown_field, wrong_type):
        wrong = copy.deepcopy(KINDS[of])
        spoil(wrong)
        assert of in fault(wrong, version)


def unknown_field(document):
    specs = list(pods(document))
    (specs[0]["containers"][0] if specs else document.get("spec", document))["colour"] = "green"


def wrong_type(document):
    spec = document.get("spec")
    if not spec:
        document["metadata" if document["kind"] != "ConfigMap" else "data"] = "none"
    else:
        spec[next(iter(spec))] = [[5]]


def test_field_of_a_newer_kubernetes_is_refused_in_a_dask_cluster():
    wrong = copy.deepcopy(KINDS["DaskCluster"])
    wrong["spec"]["worker"]["spec"]["containers"][0]["resizePolicy"] = []
    assert "resizePolicy" in fault(wrong, VERSIONS[0])


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


@pytest.mark.parametrize("which", OVERLAYS)
def test_what_is_named_is_there(which):
    there = {name(d) for d in overlay(which)}
    for document in overlay(which):
        for pod in pods(document):
            assert f"ServiceAccount/{pod['serviceAccountName']}" in there
            assert f"PriorityClass/{pod['priorityClassName']}" in there
            for container in pod["containers"]:
                for found in container["envFrom"]:
                    of = found.get("configMapRef", {})
                    assert not of or of.get("optional") or f"ConfigMap/{of['name']}" in there
                volumes = {volume["name"] for volume in pod["volumes"]}
                assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


@pytest.mark.parametrize("which", OVERLAYS)
def test_network_policies_know_every_pod_and_who_speaks_to_the_scheduler(which):
    """Where nothing is allowed that no policy names, a label that is missing is a pod that hangs."""
    clients = set()
    for document in overlay(which):
        spec = document.get("spec", {})
        if kind(document, "CronJob"):
            spec = spec["jobTemplate"]["spec"]
        if not kind(document, "CronJob") and not kind(document, "Deployment"):
            continue
        template = spec["template"]
        labels = template["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "goeslake"
        (container,) = template["spec"]["containers"]
        sources = [of.get("configMapRef", {}).get("name") for of in container["envFrom"]]
        assert ("dask" in sources) == (labels.get("goeslake/dask-client") == "true")
        clients |= {document["metadata"]["name"]} if "dask" in sources else set()
    assert clients == {"backfill", "merge"}


def templates(which):
    """Name -> metadata and spec of every pod of an overlay, those that the operator writes among them."""
    found = {}
    for document in overlay(which):
        if kind(document, "DaskCluster"):
            scheduler, _, worker = operator.made(document, workers=1)
            cluster = document["metadata"]["name"]
            found[f"{cluster} scheduler"] = scheduler["spec"]["template"]
            found[f"{cluster} worker"] = worker["spec"]["template"]
        elif kind(document, "Deployment"):
            found[document["metadata"]["name"]] = document["spec"]["template"]
        elif kind(document, "CronJob"):
            found[document["metadata"]["name"]] = document["spec"]["jobTemplate"]["spec"][
                "template"
            ]
    return found


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


@pytest.mark.parametrize("which", ["aws", "gcp"])
def test_documented_digests_reach_the_pods_of_their_own_image(which, tmp_path):
    """As `kustomize edit set image` writes them into the overlay; the GPU image alone has torch."""
    (line,) = re.findall(r"kustomize edit set image (.*)\)$", GUIDE.read_text(), re.MULTILINE)
    digests = {name: f"{number:064x}" for number, name in enumerate(("goeslake", "goeslake-gpu"))}
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    path = tmp_path / "deploy" / "overlays" / which / "kustomization.yaml"
    kustomization = yaml.safe_load(path.read_text())
    entries = {entry["name"]: entry for entry in kustomization["images"]}
    for setting in line.split():
        name, _, image = setting.partition("=")
        place, _, digest = image.partition("@")
        assert digest == "sha256:..."
        entries[name] = {"name": name, "newName": place, "digest": f"sha256:{digests[name]}"}
    assert set(entries) == set(digests)
    path.write_text(yaml.safe_dump(kustomization | {"images": list(entries.values())}))
    for document in rendered(path.parent):
        gpu = "-gpu" if document["metadata"]["name"] == "lake-gpu" else ""
        for pod in pods(document):
            (container,) = pod["containers"]
            digest = digests[f"goeslake{gpu}"]
            assert container["image"] == f"REGISTRY/goeslake{gpu}@sha256:{digest}"


def test_second_copy_shares_no_name_with_the_first():
    first, second = (
        {name(d) for d in overlay(o) if is_of_the_cluster(d)} for o in ("aws", "staging")
    )
    assert len(first) == len(second) == 4
    assert first.isdisjoint(second)
    for which, namespace in (("aws", "goeslake"), ("staging", "goeslake-staging")):
        own = [d for d in overlay(which) if not is_of_the_cluster(d)]
        assert {d["metadata"]["namespace"] for d in own} == {namespace}
        classes = {p["priorityClassName"] for d in own for p in pods(d)}
        assert classes == {
            d["metadata"]["name"] for d in overlay(which) if kind(d, "PriorityClass")
        }
    lakes = {
        which: [d["data"]["LAKE_ROOT"] for d in overlay(which) if name(d) == "ConfigMap/lake"]
        for which in ("aws", "staging")
    }
    assert lakes["aws"] != lakes["staging"]


@pytest.mark.parametrize("which", OVERLAYS)
def test_no_address_or_certificate_names_the_namespace(which):
    """A copy of another name would speak to the first one's scheduler, or trust its certificate."""
    for document in overlay(which):
        assert ".svc" not in text(document)
        if name(document) == "Certificate/dask-tls":
            schedulers = {"lake-scheduler", "lake-gpu-scheduler"}
            assert set(document["spec"]["dnsNames"]) == schedulers | {"localhost"}


def is_of_the_cluster(document):
    return document["kind"] in ("Namespace", "PriorityClass")


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
def test_prometheus_is_sent_to_a_port_that_is_open_to_it(which):
    (policy,) = [d["spec"] for d in overlay(which) if name(d) == "NetworkPolicy/prometheus"]
    reachable = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    scraped = set()
    for pod, template in templates(which).items():
        about = template["metadata"].get("annotations", {})
        if about.get("prometheus.io/scrape") == "true":
            (container,) = template["spec"]["containers"]
            port = int(about["prometheus.io/port"])
            assert port in {of["containerPort"] for of in container["ports"]} & reachable, pod
            assert about["prometheus.io/path"] == "/metrics"
            assert selects(policy["podSelector"], template["metadata"]["labels"])
            scraped.add(pod)
    assert scraped == {"metrics", *(pod for pod in templates(which) if " " in pod)}


@pytest.mark.parametrize(
    ("which", "identity"),
    [("aws", "eks.amazonaws.com/role-arn"), ("gcp", "iam.gke.io/gcp-service-account")],
)
def test_pods_in_a_cloud_have_its_identity_and_no_secret_but_certificates(which, identity):
    accounts = {
        d["metadata"]["name"]: d["metadata"]["annotations"][identity]
        for d in overlay(which) if kind(d, "ServiceAccount")
    }  # fmt: skip
    assert len(set(accounts.values())) == 2
    for template in templates(which).values():
        assert template["spec"]["serviceAccountName"] in accounts
        assert set(re.findall(r'"secretName": "(.*?)"', text(template))) <= {"dask-tls"}
        assert "secretRef" not in text(template)
        assert "secretKeyRef" not in text(template)


@pytest.mark.parametrize("which", OVERLAYS)
def test_no_secret_and_no_key_is_in_a_manifest(which):
    for document in overlay(which):
        assert document["kind"] != "Secret"
        assert not re.search(
            r"(?i)(secret_?(access)?_?key|password|private_key)\W+\w{8}", text(document)
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


def test_operator_can_retire_and_reach_every_cluster():
    for which in OVERLAYS:
        settings = {
            d["metadata"]["name"]: d["data"] for d in overlay(which) if kind(d, "ConfigMap")
        }
        routes = settings["dask"]["DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES"]
        assert "distributed.http.scheduler.api" in yaml.safe_load(routes)
        for document in overlay(which):
            if kind(document, "DaskCluster"):
                scheduler, _, worker = operator.made(document, workers=1)
                (of,) = worker["spec"]["template"]["spec"]["containers"]
                (address,) = [e for e in of["env"] if e["name"] == "DASK_SCHEDULER_ADDRESS"]
                key = address["valueFrom"]["configMapKeyRef"]["key"]
                cluster, scheme = document["metadata"]["name"], settings["dask"]["DASK_PROTOCOL"]
                host = scheduler["metadata"][
                    "name"
                ]  # of the pod's own namespace, whatever its name
                assert host == f"{cluster}-scheduler"
                assert settings["dask"][key] == f"{scheme}://{host}:8786"
                assert "$(DASK_WORKER_NAME)" in of["args"]  # or the operator deletes another's pod
                labels = worker["spec"]["template"]["metadata"]["labels"]
                assert labels["app.kubernetes.io/name"] == "goeslake"  # network policies go by it


def test_gpu_workers_have_a_cluster_of_their_own():
    for which in ("aws", "gcp", "staging"):
        clusters = {d["metadata"]["name"]: d for d in overlay(which) if kind(d, "DaskCluster")}
        wants = {n: "nvidia.com/gpu" in text(d["spec"]["worker"]) for n, d in clusters.items()}
        assert wants == {"lake": False, "lake-gpu": True}


@pytest.fixture(scope="module")
def monitored(tmp_path_factory):
    """The overlay for AWS as the base of a user's own, with the component for Prometheus' operator."""
    folder = tmp_path_factory.mktemp("overlay").resolve()
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "namespace": "goeslake", "resources": [os.path.relpath(DEPLOY / "overlays" / "aws", folder)],
        "components": [os.path.relpath(DEPLOY / "components" / "prometheus-operator", folder)],
    }  # fmt: skip
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return {name(d): d for d in rendered(folder)}


def test_operator_of_prometheus_is_given_the_same_alerts(monitored):
    document = monitored["PrometheusRule/goeslake"]
    assert fault(document, VERSIONS[0]) == ""
    alerts = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text())
    assert (
        document["spec"] == alerts
    )  # copy what differs into components/prometheus-operator/rules.yaml


def test_operator_of_prometheus_scrapes_what_the_annotations_name(monitored):
    document = monitored["PodMonitor/goeslake"]
    assert fault(document, VERSIONS[0]) == ""
    wrong = copy.deepcopy(document)
    wrong["spec"]["podMetricsEndpoints"][0]["colour"] = "green"
    assert "colour" in fault(wrong, VERSIONS[0])
    endpoints = {of["port"]: of["path"] for of in document["spec"]["podMetricsEndpoints"]}
    for pod, template in templates("aws").items():
        about = template["metadata"].get("annotations", {})
        (container,) = template["spec"]["containers"]
        ports = {of["name"]: str(of["containerPort"]) for of in container.get("ports", [])}
        scraped = [ports[of] for of in endpoints if of in ports]
        wanted = [about["prometheus.io/port"]] if "prometheus.io/port" in about else []
        assert scraped == wanted, pod
        assert selects(document["spec"]["selector"], template["metadata"]["labels"])


def test_gpu_worker_fits_the_common_machine_with_one_gpu():
    """Google says what is left of a node's memory for pods: 27.7 of 32 GiB (g2-standard-8)."""
    for document in EVERYTHING.values():
        if name(document) == "DaskCluster/lake-gpu":
            (container,) = document["spec"]["worker"]["spec"]["containers"]
            assert float(container["resources"]["requests"]["memory"].removesuffix("Gi")) <= 25
            assert float(container["resources"]["requests"]["cpu"]) <= 7


@pytest.mark.parametrize("which", OVERLAYS)
def test_nodes_are_not_tidied_up_under_a_driver_of_days(which):
    kept = {
        pod for pod, template in templates(which).items()
        if template["metadata"].get("annotations", {}).get("karpenter.sh/do-not-disrupt") == "true"
    }  # fmt: skip
    assert kept == {"backfill", "backfill-years", "merge"}


def test_roles_of_the_cloud_are_for_our_accounts_and_may_what_the_lake_needs():
    folder = DEPLOY / "overlays" / "aws" / "iam"
    accounts = {
        d["metadata"]["name"]: d["metadata"]["namespace"]
        for d in overlay("aws") if kind(d, "ServiceAccount")
    }  # fmt: skip
    for account, namespace in accounts.items():
        _, _, which = account.partition("-")
        (trust,) = json.loads((folder / f"trust-{which}.json").read_text())["Statement"]
        condition = trust["Condition"]["StringEquals"]
        assert condition["OIDC:sub"] == f"system:serviceaccount:{namespace}:{account}"
        assert condition["OIDC:aud"] == "sts.amazonaws.com"
        bucket, objects = json.loads((folder / f"{which}.json").read_text())["Statement"]
        assert (bucket["Action"], bucket["Resource"]) == (["s3:ListBucket"], "arn:aws:s3:::BUCKET")
        assert objects["Resource"] == "arn:aws:s3:::BUCKET/*"
        writes = {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
        assert set(objects["Action"]) == {"s3:GetObject"} | (writes if which == "writer" else set())


@pytest.mark.parametrize("which", OVERLAYS)
def test_laptop_reads_its_own_certificate_alone_and_changes_nothing(which):
    (role,) = [d for d in overlay(which) if kind(d, "Role")]
    allowed = {
        (r, verb) for rule in role["rules"] for r in rule["resources"] for verb in rule["verbs"]
    }
    assert {of for of in allowed if of[1] not in ("get", "list", "watch")} == {
        ("pods/portforward", "create")
    }
    (of_secrets,) = [rule for rule in role["rules"] if "secrets" in rule["resources"]]
    assert (of_secrets["verbs"], of_secrets["resourceNames"]) == (["get"], ["dask-laptop"])
    certificates = {
        d["metadata"]["name"]: d["spec"] for d in overlay(which) if kind(d, "Certificate")
    }
    if certificates:  # else whoever keeps certificates makes both
        assert certificates["dask-laptop"]["secretName"] == "dask-laptop"
        assert certificates["dask-laptop"]["usages"] == ["client auth"]
        assert certificates["dask-laptop"]["issuerRef"] == certificates["dask-tls"]["issuerRef"]
    for template in templates(which).values():
        assert "dask-laptop" not in text(template)
