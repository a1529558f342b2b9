"""Roles of the cloud and of people, and no keys."""

import json
import re

import pytest
import yaml

from tests.deploy.manifests import DEPLOY, OVERLAYS, ROOT, kind, name, overlay, text
from tests.deploy.operator import templates


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


def test_roles_of_aws_are_for_our_accounts_and_may_what_the_lake_needs():
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


def test_roles_of_google_are_for_our_accounts_and_may_what_the_lake_needs():
    folder = DEPLOY / "overlays" / "gcp" / "iam"
    reads = {"storage.objects.get", "storage.objects.list"}
    writes = {"storage.objects.create", "storage.objects.delete"}
    accounts = {
        d["metadata"]["name"]: d["metadata"] for d in overlay("gcp") if kind(d, "ServiceAccount")
    }
    assert set(accounts) == {"lake-writer", "lake-reader"}
    for account, about in accounts.items():
        _, _, which = account.partition("-")
        (binding,) = json.loads((folder / f"trust-{which}.json").read_text())["bindings"]
        pods = f"PROJECT.svc.id.goog[{about['namespace']}/{account}]"
        assert binding == {
            "role": "roles/iam.workloadIdentityUser",
            "members": [f"serviceAccount:{pods}"],
        }
        role = yaml.safe_load((folder / f"{which}.yaml").read_text())
        assert set(role) == {"title", "description", "stage", "includedPermissions"}
        assert set(role["includedPermissions"]) == reads | (writes if which == "writer" else set())


@pytest.mark.parametrize(
    ("which", "identity"),
    [("aws", "eks.amazonaws.com/role-arn"), ("gcp", "iam.gke.io/gcp-service-account")],
)
def test_documented_commands_make_the_roles_that_the_accounts_name(which, identity):
    """Those of the writer stand in the guide, and mean files that are there."""
    guide = (ROOT / "docs" / "deploy.md").read_text()
    for document in overlay(which):
        if name(document) == "ServiceAccount/lake-writer":
            role = re.split("[/@]", document["metadata"]["annotations"][identity])
            assert any(
                re.search(rf"^      (aws|gcloud) iam .*create.* {of}\b", guide, re.MULTILINE)
                for of in role
            )
    files = set(re.findall(rf"deploy/overlays/{which}/iam/[\w.-]+", guide))
    assert {path.rpartition("/")[2].partition(".")[0] for path in files} == {
        "writer",
        "trust-writer",
    }
    assert all((ROOT / path).is_file() for path in files)
