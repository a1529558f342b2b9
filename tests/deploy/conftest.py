"""The API server that tests of a module ask."""

import pytest

from tests.deploy import api_server
from tests.deploy.api_server import until
from tests.deploy.manifests import crds


@pytest.fixture(scope="module", params=["stood_in", "real"])
def server(request, tmp_path_factory):
    """A stand-in, and with `KUBEBUILDER_ASSETS` a real one; it knows Dask's kinds and cert-manager's."""
    if request.param == "real" and not api_server.ASSETS:
        pytest.skip("no real API server: KUBEBUILDER_ASSETS names no folder of its programs")
    with getattr(api_server, request.param)(tmp_path_factory.mktemp("apiserver")) as started:
        for crd in (*crds(), *api_server.crds_of_cert_manager()):
            started.apply(crd)
        for group, kinds in (("kubernetes.dask.org", len(crds())), ("cert-manager.io", 2)):
            until(lambda of=group, wanted=kinds: _kinds(started, of) == wanted)
        yield started


def _kinds(server, group) -> int:
    """How many of a group's kinds the server knows by now."""
    listed = server.ask("GET", f"/apis/{group}/v1")["resources"]
    return len({of["name"].partition("/")[0] for of in listed})
