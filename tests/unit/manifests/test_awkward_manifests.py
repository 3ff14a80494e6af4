"""Awkward objects, from an evaluated value to a path of the deploy tree or a message."""

from typing import Any

import pytest

from envctl.errors import InputError
from envctl.manifests.build import ComponentValue, build
from envctl.model.settings import SizeLimits

CONFIG = "web/prod/ConfigMap_a.yaml"
KEY = "use letters, digits, -, _ and ., with a domain and a slash before them or not"
VALUE = "use at most 63 letters, digits, -, _ and ., with letters or digits at the ends"


def config(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata}}


def listed(items: Any, kind: str = "List", api_version: str = "v1", **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "items": items, **rest}


def crd(version: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"apiextensions.k8s.io/{version}",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "t.a.io"},
        "spec": {"group": "a.io", "names": {"kind": "T"}, **spec},
    }


CUSTOM = {"apiVersion": "a.io/v1", "kind": "T", "metadata": {"name": "x"}}
DEFINED = "web/_cluster/CustomResourceDefinition.apiextensions.k8s.io_t.a.io.yaml"
TAKEN = [
    pytest.param(listed([config()], metadata={"name": "l"}), [CONFIG], id="a List with a name"),
    pytest.param(listed([None, config()]), [CONFIG], id="a null in a List"),
    pytest.param(listed(None), [], id="a List of null"),
    pytest.param(listed([], "XList", "a.io/v1"), [], id="an empty list of a custom kind"),
    pytest.param(
        listed(["1"], "XList", "a.io/v1", metadata={"name": "n"}), ["web/prod/XList.a.io_n.yaml"], id="a named one is an object"
    ),
    pytest.param(config(generateName="a-"), [CONFIG], id="a name beside generateName"),
    pytest.param({**config(), "kind": "configmap"}, ["web/prod/configmap_a.yaml"], id="a kind in lower case is another"),
    pytest.param([crd("v1beta1", scope="Cluster"), CUSTOM], ["web/_cluster/T.a.io_x.yaml", DEFINED], id="an old definition"),
    pytest.param([crd("v1beta1"), CUSTOM], [DEFINED, "web/prod/T.a.io_x.yaml"], id="a definition without a scope"),
    pytest.param(config(labels={"a.io/b_c.d": "", "x": "A_1.b"}), [CONFIG], id="labels"),
    pytest.param(config(annotations={"A.io/b": " any text "}), [CONFIG], id="annotations take any text"),
]  # fmt: skip
REFUSED = [
    pytest.param(config(labels={"a b": "x"}), f"metadata.labels has the key 'a b', which is not allowed ({KEY})", id="a space in a label"),
    pytest.param(config(labels={"": "x"}), f"metadata.labels has the key '', which is not allowed ({KEY})", id="an empty label"),
    pytest.param(config(labels={"A.io/b": "x"}), f"metadata.labels has the key 'A.io/b', which is not allowed ({KEY})", id="a domain in upper case"),
    pytest.param(config(annotations={"a/b/c": "x"}), f"metadata.annotations has the key 'a/b/c', which is not allowed ({KEY})", id="two slashes"),
    pytest.param(config(labels={"a": "-x"}), f"metadata.labels has a with the value '-x', which is not allowed ({VALUE})", id="a dash at the start"),
    pytest.param(config(labels={"a": "x" * 64}), f"metadata.labels has a with the value '{'x' * 64}', which is not allowed ({VALUE})", id="64 characters"),
    pytest.param(config(labels={"a": "x\n"}), f"metadata.labels has a with the value 'x\\n', which is not allowed ({VALUE})", id="a newline"),
    pytest.param(config(labels={"a": None}), "metadata.labels has a with a value that is no string (quote the value)", id="null"),
    pytest.param({**config(), "metadata": "x"}, "has no metadata (add metadata with a name)", id="metadata that is a string"),
    pytest.param(config(namespace="A"), "metadata.namespace 'A' is no name of a namespace", id="a namespace in upper case"),
]  # fmt: skip


def paths(value: Any) -> list[str]:
    return [each.path for each in build([ComponentValue("web", value, "prod")], SizeLimits())]


@pytest.mark.parametrize(("value", "found"), TAKEN)
def test_an_awkward_object_goes_where_it_belongs(value: Any, found: list[str]) -> None:
    """All files that the value makes."""
    assert sorted(paths(value)) == sorted(found)


@pytest.mark.parametrize(("value", "problem"), REFUSED)
def test_what_no_api_server_takes_is_refused(value: Any, problem: str) -> None:
    """The one problem, with its place and the next step."""
    with pytest.raises(InputError) as caught:
        paths(value)
    assert [str(each) for each in caught.value.problems] == [f"web $: ConfigMap {problem}"]
