"""The policies of AWS's roles, as a server that heeds them judges the requests of the lake."""

import json
from pathlib import Path

import boto3
import pytest
import requests

import lake
from lake.errors import ConfigError
from lake.storage import preflight
from lake.storage.connect import connect
from tests import s3
from tests.deploy.manifests import DEPLOY
from tests.jobs import small

FOLDER = DEPLOY / "overlays" / "aws" / "iam"
ROOT = f"s3://{s3.BUCKET}/lake"


@pytest.fixture(scope="module")
def server():
    """The environment of a server with a user for each policy, which from then on heeds them."""
    with s3.moto(Path(__file__).with_name("iam_server.py")) as there:
        users = {path: json.loads(path.read_text()) for path in FOLDER.glob("[rw]*er.json")}
        keys = {path.stem: user(path.stem, policy, there) for path, policy in users.items()}
        bucket, objects = users[FOLDER / "writer.json"]["Statement"]
        for action in ("s3:ListBucket", *objects["Action"]):
            fewer = [
                of | {"Action": [a for a in of["Action"] if a != action]}
                for of in (bucket, objects)
            ]
            allowed = [of for of in fewer if of["Action"]]
            name = f"without-{action.partition(':')[2]}"
            keys[name] = user(name, {"Version": "2012-10-17", "Statement": allowed}, there)
        requests.post(f"{there['AWS_ENDPOINT_URL']}/moto-api/reset-auth", b"0", timeout=30)
        yield there, keys


def user(name, policy, there) -> dict[str, str]:
    """The keys of a user who may what the policy says."""
    about = {"region_name": "us-east-1", "aws_access_key_id": "any", "aws_secret_access_key": "any"}
    iam = boto3.client("iam", endpoint_url=there["AWS_ENDPOINT_URL"], **about)
    iam.create_user(UserName=name)
    document = json.dumps(policy).replace("BUCKET", s3.BUCKET)
    iam.put_user_policy(UserName=name, PolicyName="lake", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


@pytest.fixture
def be(server, monkeypatch):
    """Send requests as one of the users."""
    there, keys = server

    def become(name) -> None:
        for variable, value in (there | keys[name]).items():
            monkeypatch.setenv(variable, value)

    return become


def test_writer_may_all_that_the_lake_asks_and_reader_reads_alone(be):
    be("writer")
    preflight.check(connect(ROOT))
    truth = small.build(ROOT)
    be("reader")
    store = lake.open(f"{ROOT}/{truth.key}")
    assert store.block("day-2km", slice(None), 2).shape
    with pytest.raises(ConfigError, match="cannot write"):
        connect(ROOT).put("thesis.txt", b"1")
    with pytest.raises(ConfigError, match="cannot delete"):
        connect(ROOT).delete([f"{truth.key}/head"])


@pytest.mark.parametrize("action", ["GetObject", "PutObject"])
def test_writer_needs_to_read_and_to_write(be, action):
    be(f"without-{action}")
    with pytest.raises(ConfigError, match="cannot"):
        preflight.check(connect(ROOT))


def test_writer_without_the_right_to_list_cannot(be):
    be("without-ListBucket")
    with pytest.raises(ConfigError, match="cannot list"):
        connect(ROOT).list()
