"""The objects of the agent's benchmarks, and the deploy branch that carries them.

Of 20 objects 4 are Services, 3 Deployments of no replicas, one a ServiceAccount, one a custom resource and
the rest ConfigMaps, each of about 1 KiB; a Namespace begins every 250, and one is the definition of the
custom kind. What an object is follows from its number alone, so a set grows without changing.
"""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envctl.manifests.paths import object_path
from envctl.manifests.text import to_yaml
from envctl.model.cluster import object_id

Value = dict[str, Any]

SHARE = 250
_SERVICE, _DEPLOYMENT, _ACCOUNT, _CUSTOM = range(4), range(4, 7), 7, 8
_TEXT = "".join(f"setting.{number:02} = a value that says nothing\n" for number in range(20))
_LABELS = {"app.kubernetes.io/name": "bench", "app.kubernetes.io/managed-by": "envctl"}
_DEFINITION = 1


def objects(name: str, count: int) -> list[Value]:
    """The first `count` objects of the set `name`, in an order in which they can be applied."""
    return [make(name, number) for number in range(count)]


def first(value: Value) -> bool:
    """Whether others need an object to be there."""
    return value["kind"] in {"Namespace", "CustomResourceDefinition"}


def make(name: str, number: int, note: str = "") -> Value:
    """One object of a set; `note` makes it differ."""
    if number % SHARE == 0:
        return _object("v1", "Namespace", namespace_of(name, number), "")
    if number == _DEFINITION:
        return _definition(name)
    version, kind = _kind(name, number % 20)
    value = _object(version, kind, f"o{number:05}", namespace_of(name, number), note)
    return value | _content(value, note)


def _kind(name: str, slot: int) -> tuple[str, str]:
    if slot in _SERVICE:
        return "v1", "Service"
    if slot in _DEPLOYMENT:
        return "apps/v1", "Deployment"
    if slot == _ACCOUNT:
        return "v1", "ServiceAccount"
    return (f"{name}.bench.example.com/v1", "Widget") if slot == _CUSTOM else ("v1", "ConfigMap")


def _content(value: Value, note: str) -> Value:
    kind, name = value["kind"], value["metadata"]["name"]
    text = {"text": _TEXT, "note": note}
    contents = {"Widget": {"spec": text}, "ConfigMap": {"data": text}}
    specs = {"Service": _service, "Deployment": _deployment}
    return {"spec": specs[kind](name)} if kind in specs else contents.get(kind, {})


def config_map(number: int) -> int:
    """The number of a ConfigMap near a number."""
    return number - number % 20 + 11


def namespace_of(name: str, number: int) -> str:
    return f"{name}-{number // SHARE:03}"


def component_of(number: int) -> str:
    return f"app{number // SHARE:03}"


def _object(version: str, kind: str, name: str, namespace: str, note: str = "") -> Value:
    metadata: Value = {"name": name, "labels": _LABELS}
    if namespace:
        metadata["namespace"] = namespace
    if kind not in {"Namespace", "ConfigMap", "Widget"}:
        metadata["annotations"] = {"example.com/text": _TEXT[:600], "example.com/note": note}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _service(name: str) -> Value:
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    return {"selector": {"app": name}, "ports": ports, "type": "ClusterIP"}


def _deployment(name: str) -> Value:
    container = {
        "name": "main",
        "image": "registry.example.com/bench/app:1.0.0",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{number}", "value": "a value"} for number in range(4)],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
    }
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}


def _definition(name: str) -> Value:
    group = f"{name}.bench.example.com"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {}}}}
    schema["properties"]["spec"]["properties"] = {"text": {"type": "string"}, "note": {"type": "string"}}  # type: ignore[index]
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"}
    value = _object("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"widgets.{group}", "")
    del value["metadata"]["annotations"]
    return value | {"spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions}}


@dataclass
class Branch:
    """The deploy branch of one environment in a bare repository, as `envctl render --publish` leaves it."""

    path: Path
    environment: str
    sequence: int = 0
    tip: str = ""
    size: int = 0

    def grow(self, count: int) -> str:
        """Publish the objects up to `count`."""
        found = {number: make(self.environment, number) for number in range(self.size, count)}
        self.size = count
        return self.publish(found)

    def change(self, number: int, note: str) -> str:
        """Publish one changed object."""
        return self.publish({number: make(self.environment, number, note)})

    def remove(self, number: int) -> str:
        """Publish a tree without one object."""
        return self.publish({}, [number])

    def publish(self, changed: Mapping[int, Value], gone: Iterable[int] = ()) -> str:
        """One commit on top of the branch: these objects changed, those gone."""
        texts = {_path(number, value): to_yaml(value) for number, value in changed.items()}
        return self.commit(texts, [_path(number, make(self.environment, number)) for number in gone])

    def commit(self, texts: Mapping[str, bytes], gone: Sequence[str] = ()) -> str:
        """One commit on top of the branch: these files changed, those gone."""
        self.sequence += 1
        message = (
            f"{self.environment}: change {self.sequence}\n\n"
            f"Envctl-Environment: {self.environment}\n"
            f"Envctl-Sequence: {self.sequence}\n"
            f"Envctl-Source-Commit: {'1' * 40}\n"
        ).encode()
        ref = f"refs/heads/deploy/{self.environment}"
        stream = [b"commit refs/bench/next\ncommitter Bench <bench@example.com> 1700000000 +0000\n"]
        stream += [b"data %d\n%s" % (len(message), message)]
        stream += [f"from {self.tip}\n".encode()] if self.tip else []
        stream += [f"D {path}\n".encode() for path in gone]
        for path, text in texts.items():
            stream += [f"M 100644 inline {path}\ndata {len(text)}\n".encode(), text, b"\n"]
        self._git("fast-import", "--quiet", "--force", data=b"".join(stream))
        self.tip = self._git("rev-parse", "refs/bench/next")
        self._git("update-ref", ref, self.tip)
        return self.tip

    def _git(self, *words: str, data: bytes = b"") -> str:
        command = ["git", "-C", str(self.path), *words]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode().strip()


def _path(number: int, value: Value) -> str:
    return object_path(component_of(number), object_id(value))
