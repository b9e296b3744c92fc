"""docs/deploy.md, containers: the files are valid, and each instance has its own log in a mounted folder."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import yaml

from tests.deploy.serving import EXAMPLES

SCHEMA = Path(__file__).parent / "schemas" / "compose-spec.json"
COMPOSE = yaml.safe_load((EXAMPLES / "compose.yaml").read_text("utf-8"))
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text("utf-8")))
SHOPS = {name: service for name, service in COMPOSE["services"].items() if name.startswith("shop-")}


def test_the_compose_file_is_valid() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.validate(COMPOSE, schema, cls=jsonschema.Draft201909Validator)


def test_every_manifest_is_valid_and_names_no_unknown_field() -> None:
    version = kubernetes_validate.latest_version()
    assert [manifest["kind"] for manifest in MANIFESTS] == ["Service", "StatefulSet"]
    for manifest in MANIFESTS:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_each_service_of_compose_has_a_log_of_its_own_in_a_mounted_folder() -> None:
    logs = {PurePosixPath(service["environment"]["TASK_LOG"]) for service in SHOPS.values()}
    assert len(logs) == len(SHOPS) == 2
    for name, service in SHOPS.items():
        assert service["environment"]["INSTANCE"] == name
        [(_, mounted)] = [volume.split(":") for volume in service["volumes"]]
        assert PurePosixPath(mounted) in PurePosixPath(service["environment"]["TASK_LOG"]).parents


def test_each_pod_has_a_log_named_after_it_in_a_mounted_folder() -> None:
    [container] = MANIFESTS[1]["spec"]["template"]["spec"]["containers"]
    variables = {variable["name"]: variable for variable in container["env"]}
    assert variables["INSTANCE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    # Kubernetes expands $(NAME) of variables further up.
    assert list(variables).index("INSTANCE") < list(variables).index("TASK_LOG")
    log = PurePosixPath(variables["TASK_LOG"]["value"])
    assert log.parent.name == "$(INSTANCE)"
    [mount] = container["volumeMounts"]
    assert PurePosixPath(mount["mountPath"]) in log.parents
    assert "subPath" not in mount


def test_nothing_is_killed_before_its_tasks_could_be_handed_over() -> None:
    """The server stops waiting for tasks well before the platform kills it."""
    dockerfile = (EXAMPLES / "Dockerfile").read_text("utf-8")
    command = json.loads(dockerfile.rpartition("CMD ")[2])
    server = int(command[command.index("--timeout-graceful-shutdown") + 1])
    pod = MANIFESTS[1]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert all(int(service["stop_grace_period"].removesuffix("s")) >= server + 10 for service in SHOPS.values())
    assert pod >= server + 10
