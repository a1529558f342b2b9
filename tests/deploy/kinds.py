"""The kinds that the stand-in for an API server knows, and what it tells of them: discovery."""

from collections.abc import Collection
from dataclasses import dataclass

from tests.deploy.manifests import Document, crds

CORE = {
    "v1": [
        "Namespace",
        "Pod",
        "Service",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "Event",
        "PersistentVolumeClaim",
    ],
    "apps/v1": ["Deployment"],
    "batch/v1": ["CronJob", "Job"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
    "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding"],
    "scheduling.k8s.io/v1": ["PriorityClass"],
    "apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
    "cert-manager.io/v1": ["Certificate", "Issuer"],
}
SHORT = {"CustomResourceDefinition": ["crd", "crds"]}
"""The short names that commands of docs/deploy.md use."""
CLUSTER_WIDE = {"Namespace", "PriorityClass", "CustomResourceDefinition"}
WITH_STATUS = {"Namespace", "Pod", "Service", "Deployment"}


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind, as discovery tells of it."""

    version: str
    kind: str
    plural: str
    namespaced: bool
    has_status: bool
    """Its status is changed below `/status` alone."""


def resources() -> list[Resource]:
    """Core kinds that our manifests have, cert-manager's, and Dask's."""
    found = [
        Resource(version, kind, plural(kind), kind not in CLUSTER_WIDE, kind in WITH_STATUS)
        for version, kinds in CORE.items()
        for kind in kinds
    ]
    for crd in crds():
        names, (version,) = crd["spec"]["names"], crd["spec"]["versions"]
        group = f"{crd['spec']['group']}/{version['name']}"
        has_status = "status" in version.get("subresources", {})
        found.append(Resource(group, names["kind"], names["plural"], True, has_status))
    return found


def plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else name + ("es" if name.endswith("s") else "s")


def told(path: str, known: Collection[Resource]) -> Document | None:
    """What an API server answers about kinds at this path; None: nothing."""
    versions = {of.version for of in known}
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [version.split("/") for version in sorted(versions - {"v1"})]
        named = [(g, {"groupVersion": f"{g}/{v}", "version": v}) for g, v in groups]
        found = [{"name": g, "versions": [of], "preferredVersion": of} for g, of in named]
        return {"kind": "APIGroupList", "groups": found}
    if path.startswith("/openapi/v3"):
        return _openapi(path.removeprefix("/openapi/v3").lstrip("/"), known)
    version = path.removeprefix("/apis/").removeprefix("/api/")
    if version not in versions:
        return None
    found = []
    for of in known:
        if of.version == version:
            about = {"singularName": of.kind.lower(), "namespaced": of.namespaced, "kind": of.kind,
                     "shortNames": SHORT.get(of.kind, []),
                     "verbs": ["get", "list", "watch", "create", "patch", "delete"]}  # fmt: skip
            names = [of.plural, *([f"{of.plural}/status"] if of.has_status else [])]
            found += [{"name": name, **about} for name in names]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": found}


def _openapi(path: str, known: Collection[Resource]) -> Document:
    """No schemas; only that the server is who validates, which is what kubectl asks for."""
    if not path:
        versions = {of.version for of in known}
        bases = [f"api{'s' if '/' in version else ''}/{version}" for version in versions]
        return {"paths": {of: {"serverRelativeURL": f"/openapi/v3/{of}"} for of in bases}}
    found = {}
    for of in known:
        group, _, version = of.version.rpartition("/")
        if path.partition("/")[2] == of.version:
            about = {"group": group, "version": version, "kind": of.kind}
            asked = {
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "responses": {},
            }
            patch = asked | {"x-kubernetes-group-version-kind": about}
            found[f"/{path}/{of.plural}/{{name}}"] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "stand-in", "version": "1"}, "paths": found}
