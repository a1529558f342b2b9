"""A stand-in for `kustomize edit set image`, the one command of kustomize that kubectl does not have.

    python -m tests.deploy.kustomize edit set image NAME=PLACE@DIGEST...

It changes `kustomization.yaml` of the folder that it runs in, as the program does: an entry of `images`
by its name has its tag replaced by the digest.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.deploy.manifests import ROOT

PROGRAM = f"""#!/bin/sh
PYTHONPATH={ROOT} exec {sys.executable} -m tests.deploy.kustomize "$@"
"""


def main(words: Sequence[str]) -> None:
    verb, settings = words[:3], words[3:]
    assert verb == ["edit", "set", "image"], verb
    path = Path("kustomization.yaml")
    kustomization = yaml.safe_load(path.read_text())
    images = {image["name"]: image for image in kustomization.get("images", [])}
    for setting in settings:
        name, _, image = setting.partition("=")
        place, _, digest = image.partition("@")
        images[name] = {"name": name, "newName": place, "digest": digest}
    path.write_text(yaml.safe_dump(kustomization | {"images": list(images.values())}))


def install(folder: Path) -> None:
    """Write the program into a folder for PATH."""
    (folder / "kustomize").write_text(PROGRAM)
    (folder / "kustomize").chmod(0o755)


if __name__ == "__main__":
    main(sys.argv[1:])
