"""docs/deploy.md, containers: the files are valid, and each instance has its own log in a mounted folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import yaml

from tests.deploy.serving import EXAMPLES, client, running, stop, wait_until_up
from tests.hosting import lines_of

SCHEMA = Path(__file__).parent / "schemas" / "compose-spec.json"
COMPOSE = yaml.safe_load((EXAMPLES / "compose.yaml").read_text("utf-8"))
SETS, DEPLOYMENTS = (
    list(yaml.safe_load_all((EXAMPLES / name).read_text("utf-8")))
    for name in ("kubernetes.yaml", "kubernetes-stdout.yaml")
)
SHOPS = {name: service for name, service in COMPOSE["services"].items() if name.startswith("shop-")}


def test_the_compose_file_is_valid() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.validate(COMPOSE, schema, cls=jsonschema.Draft201909Validator)


def test_every_manifest_is_valid_and_names_no_unknown_field() -> None:
    version = kubernetes_validate.latest_version()
    assert [manifest["kind"] for manifest in SETS] == ["Service", "StatefulSet"]
    assert [manifest["kind"] for manifest in DEPLOYMENTS] == ["Service", "Deployment"]
    for manifest in (*SETS, *DEPLOYMENTS):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_each_service_of_compose_has_a_log_of_its_own_in_a_mounted_folder() -> None:
    logs = {PurePosixPath(service["environment"]["TASK_LOG"]) for service in SHOPS.values()}
    assert len(logs) == len(SHOPS) == 2
    for name, service in SHOPS.items():
        assert service["environment"]["INSTANCE"] == name
        [(_, mounted)] = [volume.split(":") for volume in service["volumes"]]
        assert PurePosixPath(mounted) in PurePosixPath(service["environment"]["TASK_LOG"]).parents


def test_each_pod_has_a_log_named_after_it_in_a_mounted_folder() -> None:
    container, variables = container_of(SETS)
    assert variables["INSTANCE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    # Kubernetes expands $(NAME) of variables further up.
    assert list(variables).index("INSTANCE") < list(variables).index("TASK_LOG")
    log = PurePosixPath(variables["TASK_LOG"]["value"])
    assert log.parent.name == "$(INSTANCE)"
    [mount] = container["volumeMounts"]
    assert PurePosixPath(mount["mountPath"]) in log.parents
    assert "subPath" not in mount


def container_of(manifests: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the container of the pods, and its environment variables by name."""
    [container] = manifests[1]["spec"]["template"]["spec"]["containers"]
    return container, {variable["name"]: variable for variable in container["env"]}


def test_the_pods_of_the_deployment_print_json_and_have_no_volume(tmp_path: Path) -> None:
    container, variables = container_of(DEPLOYMENTS)
    assert "volumeMounts" not in container
    assert "volumes" not in DEPLOYMENTS[1]["spec"]["template"]["spec"]
    environment = {name: variable.get("value", "shop-5d9c7") for name, variable in variables.items()}
    del environment["REDIS_URL"]
    socket, command = tmp_path / "app.socket", [sys.executable, "-m", "uvicorn", "app:app", "--log-level", "warning"]
    options = ["--app-dir", str(EXAMPLES), "--uds", str(tmp_path / "app.socket")]
    with running([*command, *options], tmp_path, **environment) as server:
        wait_until_up(socket)
        with client(socket) as app:
            app.post("/imports/2").raise_for_status()
        stop(server)
    lines = [json.loads(line) for line in lines_of(tmp_path / "output")]
    assert [line["message"] for line in lines] == ["-- RUNNING", "Row 0", "Row 1", "-- SUCCESS"]
    assert {line["host"] for line in lines} == {"shop-5d9c7"}
    assert sorted(path.name for path in tmp_path.iterdir() if path != socket) == ["output"]


def test_nothing_is_killed_before_its_tasks_could_be_handed_over() -> None:
    """The server stops waiting for tasks well before the platform kills it."""
    dockerfile = (EXAMPLES / "Dockerfile").read_text("utf-8")
    command = json.loads(dockerfile.rpartition("CMD ")[2])
    server = int(command[command.index("--timeout-graceful-shutdown") + 1])
    pods = [manifests[1]["spec"]["template"]["spec"] for manifests in (SETS, DEPLOYMENTS)]
    assert all(int(service["stop_grace_period"].removesuffix("s")) >= server + 10 for service in SHOPS.values())
    assert all(pod["terminationGracePeriodSeconds"] >= server + 10 for pod in pods)
