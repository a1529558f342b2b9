"""Manifests as a cluster sees them: rendered, and judged by strict schemas of every kind.

Core kinds are judged by kubernetes-validate, Dask's by the CRDs in the wheel of its operator with unknown
fields refused (as kubectl has an API server do; others have those dropped), those of cert-manager
and of Prometheus' operator by the fields that their documentation names
(cert-manager.io/docs/reference/api-docs, prometheus-operator.dev/docs/api-reference) and that are used here.
"""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator
from kubernetes_validate import utils as schemas

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("local", "aws", "gcp", "staging")
QUICKSTARTS = ("quickstart", "quickstart-synthetic")
"""The overlays without Dask's operator."""
PROGRAMS = Path(sys.executable).parent
VERSIONS = ("1.30", kubernetes_validate.latest_version())

Document = dict[str, Any]


@cache
def rendered(folder: Path) -> tuple[Document, ...]:
    """The documents of a kustomization."""
    command = [PROGRAMS / "kubectl", "kustomize", folder]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise ValueError(done.stderr)
    return tuple(yaml.safe_load_all(done.stdout))


def overlay(name: str) -> tuple[Document, ...]:
    """The documents of one of our overlays."""
    return rendered(DEPLOY / "overlays" / name)


def kind(document: Document, wanted: str) -> bool:
    return bool(document["kind"] == wanted)


def name(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def pods(document: Document) -> Iterator[Document]:
    """The pod specs in a document."""
    spec = document.get("spec", {})
    match document["kind"]:
        case "CronJob":
            yield spec["jobTemplate"]["spec"]["template"]["spec"]
        case "Deployment" | "Job":
            yield spec["template"]["spec"]
        case "DaskCluster":
            yield spec["scheduler"]["spec"]
            yield spec["worker"]["spec"]


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """Whether a selector of labels means a pod with these."""
    terms = selector.get("matchExpressions", ())
    assert all(term["operator"] == "In" for term in terms)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(term["key"]) in term["values"] for term in terms
    )


def fault(document: Document, version: str) -> str:
    """Why a cluster of this version would not take the document as it stands; empty if it would."""
    group = document["apiVersion"].partition("/")[0]
    try:
        if group == "kubernetes.dask.org":
            _dask(document["kind"]).validate(document)
        elif group in ("cert-manager.io", "monitoring.coreos.com"):
            jsonschema.validate(document, OTHERS[document["kind"]])
        else:
            kubernetes_validate.validate(document, version, strict=True)
    except jsonschema.ValidationError as error:
        return f"{document['kind']} {error.json_path}: {error.message}"
    return ""


schemas.schema_contents = cache(schemas.schema_contents)  # it reads a megabyte for each document


@cache
def crds() -> tuple[Document, ...]:
    """Of Dask's operator."""
    folder = resources.files("dask_kubernetes").joinpath(
        "operator/deployment/helm/dask-kubernetes-operator/crds"
    )
    return tuple(yaml.safe_load(path.read_text()) for path in folder.iterdir())


@cache
def _dask(kind: str) -> Draft202012Validator:
    (crd,) = [crd for crd in crds() if crd["spec"]["names"]["kind"] == kind]
    schema = copy.deepcopy(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
    return Draft202012Validator(_strict(schema))


def _strict(schema: Any) -> Any:
    """The same schema, refusing fields that it does not name."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    return made


def _object(required: list[str], **properties: Any) -> Document:
    found = {"type": "object", "required": required, "properties": properties}
    return found | {"additionalProperties": False}


_TEXT = {"type": "string", "minLength": 1}
_DURATION = {"type": "string", "pattern": r"^(\d+h)?(\d+m)?(\d+s)?$"}
_NAMED = _object(["name"], name=_TEXT, kind={"enum": ["Issuer", "ClusterIssuer"]}, group=_TEXT)


def _whole(spec: Document, version: str = "cert-manager.io/v1") -> Document:
    return _object(["apiVersion", "kind", "metadata", "spec"], apiVersion={"const": version},
                   kind=_TEXT, metadata={"type": "object"}, spec=spec)  # fmt: skip


_MONITORING = "monitoring.coreos.com/v1"
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_RULE = _object(["alert", "expr"], alert=_TEXT, expr=_TEXT, labels=_TEXTS, annotations=_TEXTS,
                **{"for": _DURATION})  # fmt: skip
_ENDPOINT = _object(
    ["port"], port=_TEXT, path=_TEXT, interval=_DURATION, honorLabels={"type": "boolean"}
)


OTHERS = {
    "PodMonitor": _whole(
        _object(
            ["selector", "podMetricsEndpoints"], selector=_object(["matchLabels"], matchLabels=_TEXTS),
            podMetricsEndpoints={"type": "array", "items": _ENDPOINT},
        ), _MONITORING,
    ),
    "PrometheusRule": _whole(
        _object(["groups"], groups={"type": "array", "items": _object(
            ["name", "rules"], name=_TEXT, rules={"type": "array", "items": _RULE},
        )}), _MONITORING,
    ),
    "Issuer": _whole(_object([], selfSigned=_object([]), ca=_object(["secretName"], secretName=_TEXT))),
    "Certificate": _whole(
        _object(
            ["secretName", "issuerRef"], secretName=_TEXT, issuerRef=_NAMED, isCA={"type": "boolean"},
            commonName={"type": "string", "maxLength": 64}, dnsNames={"type": "array", "items": _TEXT},
            duration=_DURATION, renewBefore=_DURATION,
            usages={"type": "array", "items": {"enum": ["server auth", "client auth", "cert sign"]}},
            privateKey=_object(
                [], algorithm={"enum": ["RSA", "ECDSA", "Ed25519"]}, size={"type": "integer"}
            ),
        )
    ),
}  # fmt: skip


def text(document: Document) -> str:
    return json.dumps(document, sort_keys=True)
