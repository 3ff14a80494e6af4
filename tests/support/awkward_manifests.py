"""Awkward objects and what becomes of each: the files it makes, or the one problem with it."""

from collections.abc import Iterator, Mapping
from typing import Any

RBAC = "rbac.authorization.k8s.io"
CONFIG = "web/prod/ConfigMap_a.yaml"
KEY = "use letters, digits, -, _ and ., with a domain and a slash before them or not"
VALUE = "use at most 63 letters, digits, -, _ and ., with letters or digits at the ends"
DNS = "lower-case letters, digits, - and ., with letters or digits at the ends"
SEGMENT = "at most 253 characters, no / and no %, no control characters, and neither . nor .."
NO_NAME = "has no metadata.name (set metadata.name)"

Case = tuple[str, Any, tuple[str, ...] | str]
"""What it is, the value, and the files it makes or the problem."""


def config(**metadata: Any) -> dict[str, Any]:
    """A ConfigMap named a."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata}}


def role(name: Any) -> dict[str, Any]:
    """A ClusterRole, whose name may have almost any character."""
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}}


def listed(items: Any, kind: str = "List", api_version: str = "v1", **rest: Any) -> dict[str, Any]:
    """A list of objects."""
    return {"apiVersion": api_version, "kind": kind, "items": items, **rest}


def crd(version: str, **spec: Any) -> dict[str, Any]:
    """The definition of the kind T of the group a.io."""
    return {
        "apiVersion": f"apiextensions.k8s.io/{version}",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "t.a.io"},
        "spec": {"group": "a.io", "names": {"kind": "T"}, **spec},
    }


CUSTOM = {"apiVersion": "a.io/v1", "kind": "T", "metadata": {"name": "x"}}
DEFINED = "web/_cluster/CustomResourceDefinition.apiextensions.k8s.io_t.a.io.yaml"
NO_STRINGS: tuple[Any, ...] = (0, 1.5, True, None, [], {})

_SPECIAL: tuple[Case, ...] = (
    ("a List with a name", listed([config()], metadata={"name": "l"}), (CONFIG,)),
    ("a null in a List", listed([None, config()]), (CONFIG,)),
    ("a List of null", listed(None), ()),
    ("a List without items", {"apiVersion": "v1", "kind": "List"}, ()),
    ("a List whose items are an empty mapping", listed({}), ()),
    ("an empty list of a custom kind", listed([], "XList", "a.io/v1"), ()),
    ("a named one is an object", listed(["1"], "XList", "a.io/v1", metadata={"name": "n"}), ("web/prod/XList.a.io_n.yaml",)),
    ("a list of one kind", listed([config()], "ConfigMapList"), (CONFIG,)),
    ("a name beside generateName", config(generateName="a-"), (CONFIG,)),
    ("a kind in lower case is another", {**config(), "kind": "configmap"}, ("web/prod/configmap_a.yaml",)),
    ("a kind with a dash", {**config(), "kind": "P-d"}, ("web/prod/P-d_a.yaml",)),
    ("an old definition", [crd("v1beta1", scope="Cluster"), CUSTOM], ("web/_cluster/T.a.io_x.yaml", DEFINED)),
    ("a definition without a scope", [crd("v1beta1"), CUSTOM], (DEFINED, "web/prod/T.a.io_x.yaml")),
    ("metadata that is a string", {**config(), "metadata": "x"}, "ConfigMap has no metadata (add metadata with a name)"),
    ("the same name in two namespaces", [config(), config(namespace="dev")], (CONFIG, "web/dev/ConfigMap_a.yaml")),
)  # fmt: skip


def _names() -> Iterator[Case]:
    for name in ("a", "a.b", "0", "a-b", "con", "nul", "aux.x", "prn", "com1", "x" * 150):
        yield f"the name {name}", config(name=name), (f"web/prod/ConfigMap_{name}.yaml",)
    for name in (
        "a..b",
        "-a",
        "a-",
        "A",
        "a_b",
        "a b",
        "a/b",
        "..",
        ".",
        "a%b",
        "é",
        "a\n",
        "a\0b",
        "a:b",
        "*",
        "a\\b",
        "a\u202eb",
    ):
        said = f"ConfigMap metadata.name {name!r} is not allowed; the API server wants {DNS}"
        yield f"the name {name!r}", config(name=name), said
    for name, file in {
        "-a": "-a",
        "A": "A",
        "a_b": "a_b",
        "a b": "a%20b",
        "é": "%C3%A9",
        "e\u0301": "e%CC%81",
        "a:b": "a%3Ab",
        "*": "%2A",
        "a\\b": "a%5Cb",
        "a\u202eb": "a%E2%80%AEb",
        "a..b": "a..b",
    }.items():
        yield f"the role {name!r}", role(name), (f"web/_cluster/ClusterRole.{RBAC}_{file}.yaml",)
    for name in ("a/b", "..", ".", "a%b", "a\n", "a\0b"):
        said = f"ClusterRole metadata.name {name!r} is not allowed; the API server wants {SEGMENT}"
        yield f"the role {name!r}", role(name), said
    for name in ("", *NO_STRINGS):
        yield f"the name {name!r} of type {type(name)}", config(name=name), f"ConfigMap {NO_NAME}"


def _namespaces() -> Iterator[Case]:
    for name, folder in {
        "a": "a",
        "0": "0",
        "a" * 63: "a" * 63,
        "con": "%63on",
        "": "prod",
        None: "prod",
    }.items():
        yield f"the namespace {name!r}", config(namespace=name), (f"web/{folder}/ConfigMap_a.yaml",)
    for name in ("a.b", "A", "-a", "a" * 64, "_cluster", " ", "a/b", "..", "é"):
        yield (
            f"the namespace {name!r}",
            config(namespace=name),
            f"ConfigMap metadata.namespace {name!r} is no name of a namespace",
        )
    for other in (5, True, [], {}):
        yield (
            f"the namespace {other!r}",
            config(namespace=other),
            "ConfigMap metadata.namespace '(not a string)' is no name of a namespace",
        )


def _types() -> Iterator[Case]:
    for version in (
        "apps/",
        "/v1",
        "a/b/c",
        " v1",
        "v1 ",
        "V1",
        "apps/V1",
        "é/v1",
        "a..b/v1",
        "A.io/v1",
        "a_b/v1",
        "v1\n",
        "%2e/v1",
        "../v1",
        "./v1",
    ):
        said = (
            f"ConfigMap apiVersion {version!r} is neither a version (v1) nor a group and a version (apps/v1)"
        )
        yield f"the apiVersion {version!r}", {**config(), "apiVersion": version}, said
    for kind in ("P.d", "P/d", "..", "Pöd", "1"):
        yield (
            f"the kind {kind!r}",
            {**config(), "kind": kind},
            f"{kind} kind {kind!r} is not a word of ASCII letters and digits",
        )
    for other, shown in (("", '""'), (1, "1"), (None, "null"), (True, "true"), ([], "[]"), ({}, "{}")):
        yield (
            f"the apiVersion {other!r}",
            {**config(), "apiVersion": other},
            f"has kind ConfigMap but no apiVersion:\n      apiVersion: {shown}\n      kind: ConfigMap\n      metadata:\n        name: a (add apiVersion)",
        )
        yield (
            f"the kind {other!r}",
            {**config(), "kind": other},
            f"has apiVersion v1 but no kind:\n      apiVersion: v1\n      kind: {shown}\n      metadata:\n        name: a (add kind)",
        )


def _texts() -> Iterator[Case]:
    texts = (
        "a\0b",
        "\x85",
        "\u2028",
        "\ufeff",
        "yes",
        "1e3",
        "0x10",
        "=",
        "<<",
        "~",
        "null",
        "2026-01-01",
        "a: b",
        "- a",
        " #x",
        "\t",
        "\r\n",
        "!!x",
        "&a",
        "*a",
        "%x",
        "@x",
        "`x",
        "|",
        ">",
        "---",
        "...",
        "'",
        '"',
    )
    for text in texts:
        yield f"the text {text!r}", {**config(), "data": {"k": text}}, (CONFIG,)
        yield f"the field {text!r}", {**config(), "data": {text: "v"}}, (CONFIG,)


def _keys() -> Iterator[Case]:
    for field in ("labels", "annotations"):
        for good in ({}, None, {"a": ""}, {"x" * 63: "a"}, {"a.io/b_c.d": ""}, {"a": "A_1.b"}):
            yield f"{field} {good}", config(**{field: good}), (CONFIG,)
        for key in ("", "a b", "/a", "a/", "a/b/c", "é", "x" * 64, "a/" + "x" * 64, "-a", "a-"):
            said = f"ConfigMap metadata.{field} has the key {key!r}, which is not allowed ({KEY})"
            yield f"{field} with the key {key!r}", config(**{field: {key: "x"}}), said
        for other in NO_STRINGS:
            yield (
                f"{field} with the value {other!r}",
                config(**{field: {"a": other}}),
                f"ConfigMap metadata.{field} has a with a value that is no string (quote the value)",
            )
        for other in ([], "x"):
            yield (
                f"{field} that are {other!r}",
                config(**{field: other}),
                f"ConfigMap metadata.{field} is no mapping",
            )
    yield (
        "labels with the key 'A/a'",
        config(labels={"A/a": "x"}),
        f"ConfigMap metadata.labels has the key 'A/a', which is not allowed ({KEY})",
    )
    yield "annotations with the key 'A/a'", config(annotations={"A/a": "x"}), (CONFIG,)
    for value in ("é", "a b", "a/b", "x-", "-x", "_", "x" * 64, "x\n"):
        yield (
            f"the label {value!r}",
            config(labels={"a": value}),
            f"ConfigMap metadata.labels has a with the value {value!r}, which is not allowed ({VALUE})",
        )


def _server_fields() -> Iterator[Case]:
    for field in (
        "uid",
        "resourceVersion",
        "generation",
        "selfLink",
        "creationTimestamp",
        "deletionTimestamp",
        "managedFields",
    ):
        yield f"{field} of null", config(**{field: None}), (CONFIG,)
        yield (
            f"{field} with a value",
            config(**{field: "1"}),
            f"ConfigMap has metadata.{field}, which only the API server sets (leave it out)",
        )
    for status in (None, {}, {"a": None}, [], {"a": {}}):
        yield f"the status {status}", {**config(), "status": status}, (CONFIG,)
    for status in ({"a": 1}, "x", 0, False):
        yield (
            f"the status {status}",
            {**config(), "status": status},
            "ConfigMap has a status, which only controllers set (leave it out)",
        )


def cases() -> Mapping[str, tuple[Any, tuple[str, ...] | str]]:
    """All of them by name."""
    families = (_SPECIAL, _names(), _namespaces(), _types(), _texts(), _keys(), _server_fields())
    return {name: (value, found) for family in families for name, value, found in family}
