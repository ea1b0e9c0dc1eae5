"""Where a repository lies is read as restic's users write it."""

import pytest

from container_agent.repository.locations import (
    LocationInvalid,
    ObjectPlace,
    Service,
    for_restic,
    object_place,
    store_at,
)
from container_agent.repository.object_failures import AccessDenied
from container_agent.repository.object_stores import client_config, server_of
from container_agent.repository.stores import LocalStore

S3, GOOGLE, AZURE = Service.S3, Service.GOOGLE, Service.AZURE


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("s3:https://host/bucket/a/b", ObjectPlace(S3, "bucket", "a/b", "https://host")),
        ("s3:http://host:9000/bucket", ObjectPlace(S3, "bucket", "", "http://host:9000")),
        ("s3:http://[::1]:9000/bucket/", ObjectPlace(S3, "bucket", "", "http://[::1]:9000")),
        ("s3:host/bucket/a b", ObjectPlace(S3, "bucket", "a b", "https://host")),
        ("s3:host:9000/bucket/a", ObjectPlace(S3, "bucket", "a", "https://host:9000")),
        ("s3://bucket/a/b/", ObjectPlace(S3, "bucket", "a/b")),
        ("s3://my.bucket", ObjectPlace(S3, "my.bucket")),
        (
            "s3://s3.amazonaws.com/bucket/a",
            ObjectPlace(S3, "bucket", "a", "https://s3.amazonaws.com"),
        ),
        ("s3://host:9000/bucket", ObjectPlace(S3, "bucket", "", "https://host:9000")),
        ("gs:bucket:/a/b", ObjectPlace(GOOGLE, "bucket", "a/b")),
        ("gs:bucket:/", ObjectPlace(GOOGLE, "bucket")),
        ("gs://bucket/a", ObjectPlace(GOOGLE, "bucket", "a")),
        ("azure:container:/a", ObjectPlace(AZURE, "container", "a")),
        ("azure://container/a", ObjectPlace(AZURE, "container", "a")),
        ("az://container/a", ObjectPlace(AZURE, "container", "a")),
    ],
)
def test_a_place_in_an_object_store_is_read(location: str, place: ObjectPlace):
    assert object_place(location) == place
    assert object_place(str(place)) == place


@pytest.mark.parametrize("location", ["/backup/s3:x", "./s3:host/bucket", "/s3", "backup"])
def test_a_path_is_a_directory(location: str):
    assert object_place(location) is None
    assert isinstance(store_at(location), LocalStore)


@pytest.mark.parametrize(
    "location",
    [
        "s3:", "s3:host", "s3:https://host", "s3:https://host/", "s3:/bucket/path", "s3://",
        "s3:ftp://host/bucket/x", "s3:host/bucket/../x", "s3:host/buc ket",
        "gs:", "gs:/path", "azure::/path", "s3:host/bucket/new\nline", "gs:bucket:/a/./b",
    ],
)  # fmt: skip
def test_what_names_no_bucket_is_refused(location: str):
    with pytest.raises(LocationInvalid):
        object_place(location)


@pytest.mark.parametrize("before", ["s3:https://", "s3:", "s3://", "s3:http://", "gs://", "azure:"])
def test_keys_in_a_location_are_refused_and_not_repeated(before: str):
    with pytest.raises(LocationInvalid, match="environment") as refused:
        object_place(f"{before}key:secret@host/bucket/path")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("location", "region", "endpoint"),
    [
        ("s3:s3.eu-west-3.amazonaws.com/b", "eu-west-3", "https://s3.eu-west-3.amazonaws.com"),
        ("s3:s3-us-west-2.amazonaws.com/b", "us-west-2", "https://s3-us-west-2.amazonaws.com"),
        ("s3:s3.amazonaws.com/b", None, "https://s3.eu-north-1.amazonaws.com"),
        ("s3:minio.example/b", None, "https://minio.example"),
        ("s3://b", None, None),
    ],
)
def test_the_region_is_the_servers(location: str, region, endpoint, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    config = server_of(object_place(location))
    assert (config.get("region"), config.get("endpoint")) == (region, endpoint)


def test_what_is_not_encrypted_is_so_only_where_that_is_said(monkeypatch):
    def plain(location: str) -> bool:
        return client_config(object_place(location), 1.0, 1.0)["allow_http"]

    assert plain("s3:http://host/bucket")
    assert not plain("s3:host/bucket")
    assert not plain("s3://bucket/a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert plain("s3://bucket/a")


@pytest.mark.parametrize(
    ("location", "wanted"),
    [
        ("s3:host/bucket", "AWS_SECRET_ACCESS_KEY"),
        ("gs:bucket:/", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("azure:container:/", "AZURE_ACCOUNT_NAME"),
    ],
)
def test_credentials_that_cannot_be_right_are_asked_for(location, wanted, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file")
    with pytest.raises(AccessDenied, match=wanted):
        store_at(location)


def test_an_account_at_azure_is_named_as_restic_names_it(monkeypatch):
    monkeypatch.setenv("AZURE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_ACCOUNT_KEY", "a2V5")
    assert str(store_at("azure:container:/a")) == "azure:container:/a"
    monkeypatch.delenv("AZURE_ACCOUNT_KEY")
    monkeypatch.setenv("AZURE_ACCOUNT_SAS", "?sv=2024&sig=c2ln")
    assert str(store_at("azure:container:/a")) == "azure:container:/a"


@pytest.mark.parametrize(
    ("location", "environment", "told"),
    [
        ("/a/b", {}, "/a/b"),
        ("s3:https://server:9000/bucket/a", {}, "s3:https://server:9000/bucket/a"),
        ("s3:server/bucket/", {}, "s3:https://server/bucket"),
        ("s3://bucket/a", {}, "s3:https://s3.amazonaws.com/bucket/a"),
        ("s3://bucket", {"AWS_ENDPOINT_URL": "http://here:1"}, "s3:http://here:1/bucket"),
        ("gs://bucket/a/b", {}, "gs:bucket:/a/b"),
        ("az:container:/a", {}, "azure:container:/a"),
    ],
)
def test_restic_is_told_the_same_place_in_its_own_words(location, environment, told):
    assert for_restic(location, environment) == told
