"""Where credentials for S3 come from, and what is said where there are none."""

import json
import sys
import time
from pathlib import Path

import pytest

from lake.errors import ConfigError, UnreachableError
from lake.storage import aws
from lake.storage.connect import connect

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def home(tmp_path, monkeypatch, s3_environment) -> Path:
    """A home with a folder `.aws`; the keys of the server are in no variable."""
    folder = tmp_path / ".aws"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    for name in (*KEYS, "AWS_SKIP_SIGNATURE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def keys(s3_environment) -> str:
    return "\n".join(f"{name.lower()} = {s3_environment[name]}" for name in KEYS)


def test_default_profile_is_read(home, s3_environment, s3_root):
    (home / "credentials").write_text(f"[default]\n{keys(s3_environment)}\n")
    objects = connect(s3_root)
    objects.put("a", b"1")
    assert objects.get("a") == b"1"


def test_named_profile_gives_keys_and_region(home, s3_environment, s3_root, monkeypatch):
    (home / "credentials").write_text(
        f"[default]\naws_access_key_id = x\naws_secret_access_key = y\n"
        f"[science]\n{keys(s3_environment)}\n"
    )
    (home / "config").write_text("[profile science]\nregion = us-east-1\n")
    monkeypatch.setenv("AWS_PROFILE", "science")
    monkeypatch.delenv("AWS_REGION", raising=False)
    connect(s3_root).put("a", b"1")
    assert aws.options()["region"] == "us-east-1"


def test_credential_process_is_run(home, s3_environment, s3_root, tmp_path):
    document = {
        "Version": 1,
        "AccessKeyId": s3_environment[KEYS[0]],
        "SecretAccessKey": s3_environment[KEYS[1]],
    }
    script = tmp_path / "credentials.py"
    script.write_text(f"print({json.dumps(json.dumps(document))})")
    (home / "config").write_text(f"[default]\ncredential_process = {sys.executable} {script}\n")
    connect(s3_root).put("a", b"1")
    assert connect(s3_root).get("a") == b"1"


def test_credential_process_that_fails_is_said_and_not_waited_for(home, s3_root):
    (home / "config").write_text("[default]\ncredential_process = false\n")
    began = time.monotonic()
    with pytest.raises((ConfigError, UnreachableError), match="credential"):
        connect(s3_root).list()
    assert time.monotonic() - began < 10


def test_no_credentials_are_known_within_seconds(home, s3_root):
    began = time.monotonic()
    with pytest.raises(
        ConfigError, match=r"no credentials for S3.*AWS_PROFILE.*AWS_SKIP_SIGNATURE"
    ):
        connect(s3_root)
    assert time.monotonic() - began < 10


def test_profile_that_is_not_there_is_named(home, monkeypatch, s3_root):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigError, match="nobody"):
        connect(s3_root)


@pytest.mark.parametrize("name", aws.ENDPOINTS)
@pytest.mark.parametrize("endpoint", ["minio:9000", "localhost", "http//x", "https://", "ftp://x"])
def test_endpoint_that_is_no_url_is_refused_by_the_name_of_its_variable(
    name, endpoint, monkeypatch
):
    monkeypatch.setenv(name, endpoint)
    with pytest.raises(ConfigError, match=rf"{name} is '{endpoint}'.*http://"):
        connect("s3://bucket/lake")


@pytest.mark.parametrize("blank", ["", " "])
def test_blank_endpoint_is_as_if_it_were_not_set(blank, monkeypatch, s3_environment, s3_root):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", blank)
    connect(s3_root).put("a", b"1")
    assert connect(s3_root).get("a") == b"1"
