"""Versions, keys and flags of the programs."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.devcluster.catalog import (
    CONTROL_PLANE,
    GROUPS,
    OWN_STAGES,
    PROGRAMS,
    PROGRAMS_FOLDER,
    Group,
    Module,
    cache_key,
    go_version,
    group_of,
    link_flags,
    module_version,
    parse_version,
    read_module,
    show_version,
)

TINY = Group("tiny", "example.dev/tiny", {"tiny": "example.dev/tiny"}, stamps=("main.v=v{version}",))
MODULE = Module("module x\n\ngo 1.25.0\n\nrequire (\n\texample.dev/tiny v1.2.3 // indirect\n)\n", "sums\n")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("Kubernetes v1.35.4\n", (1, 35, 4), id="kube-apiserver"),
        pytest.param("etcd Version: 3.6.7\nGo Version: go1.26.8\n", (3, 6, 7), id="etcd"),
        pytest.param("kwok version v0.8.0 go1.26.8 (linux/amd64)\n", (0, 8, 0), id="kwok"),
        pytest.param("Client Version: v1.35.4\nKustomize Version: v5.7.1\n", (1, 35, 4), id="kubectl"),
        pytest.param("go version go1.26.8 linux/amd64\n", (1, 26, 8), id="go"),
        pytest.param("go version go1.27rc1 linux/amd64\n", (1, 27), id="a release candidate of go"),
        pytest.param("go version devel +2f1e9d8\n", (), id="a go without a release"),
        pytest.param("command not found\n", (), id="no version at all"),
    ],
)
def test_the_version_is_found_in_what_a_program_prints(text: str, version: tuple[int, ...]) -> None:
    """Each program has a form of its own."""
    assert parse_version(text) == version


@given(st.lists(st.integers(0, 99), min_size=2, max_size=4).map(tuple))
def test_a_version_survives_being_written(version: tuple[int, ...]) -> None:
    """Writing and reading are inverse."""
    assert parse_version(show_version(version)) == version


def test_the_versions_are_those_of_the_pinned_modules() -> None:
    """The `go.mod` files are the only place that says them."""
    modules = {group.name: read_module(PROGRAMS_FOLDER / group.name) for group in GROUPS}
    versions = {group.name: module_version(group, modules[group.name]) for group in GROUPS}
    assert versions == {"kubernetes": (1, 35, 4), "etcd": (3, 6, 7), "kwok": (0, 8, 0)}
    assert {name: go_version(module) for name, module in modules.items()} == {
        "kubernetes": (1, 25, 0),
        "etcd": (1, 24, 0),
        "kwok": (1, 26, 0),
    }


def test_every_staging_module_has_the_version_of_its_kubernetes() -> None:
    """v1.35.4 of Kubernetes belongs to v0.35.4 of its 31 libraries."""
    mod = read_module(PROGRAMS_FOLDER / "kubernetes").mod
    replaced = [line.split() for line in mod.splitlines() if "=>" in line]
    assert len(replaced) == 31
    assert all(old == new and version == "v0.35.4" for old, _, new, version in replaced)


def test_a_module_without_its_pin_is_an_error() -> None:
    """A wrong catalogue is noticed before anything is built."""
    with pytest.raises(ValueError, match=r"go\.mod of tiny does not require example\.dev/tiny"):
        module_version(TINY, Module("module x\n", ""))


def test_no_two_files_of_a_group_share_a_name() -> None:
    """They are kept side by side in one folder of the cache."""
    for group in GROUPS:
        names = [Path(file).name for file in group.files]
        assert len(set(names)) == len(names)


def test_our_own_stages_come_with_the_package() -> None:
    """What a cloud's load balancer would write: addresses of Ingresses and Services."""
    assert [stage.name for stage in OWN_STAGES] == [
        "ingress-address.yaml",
        "pod-image-missing.yaml",
        "service-address.yaml",
    ]


def test_every_program_has_one_group() -> None:
    """The control plane is a part of what can be built."""
    assert set(CONTROL_PLANE) < set(PROGRAMS)
    assert [group_of(name).name for name in PROGRAMS] == [*["kubernetes"] * 4, "etcd", "kwok"]


def test_the_linker_stamps_the_version() -> None:
    """The API server tells clients what the `go.mod` pins."""
    kubernetes = group_of("kube-apiserver")
    assert link_flags(kubernetes, (1, 35, 4)) == (
        "-s -w -X k8s.io/component-base/version.gitVersion=v1.35.4"
        " -X k8s.io/component-base/version.gitMajor=1"
        " -X k8s.io/component-base/version.gitMinor=35"
    )


@pytest.mark.parametrize(
    ("group", "module", "platform"),
    [
        pytest.param(TINY, replace(MODULE, sums="other\n"), "Linux-x86_64", id="go.sum"),
        pytest.param(TINY, replace(MODULE, mod=MODULE.mod + "\n"), "Linux-x86_64", id="go.mod"),
        pytest.param(replace(TINY, stamps=()), MODULE, "Linux-x86_64", id="flags"),
        pytest.param(replace(TINY, stages=("a.yaml",)), MODULE, "Linux-x86_64", id="stages"),
        pytest.param(replace(TINY, objects={"a.yaml": "/api"}), MODULE, "Linux-x86_64", id="objects"),
        pytest.param(TINY, MODULE, "Linux-aarch64", id="platform"),
    ],
)
def test_the_key_changes_with_all_that_a_program_is_made_of(
    group: Group, module: Module, platform: str
) -> None:
    """So what lies in the cache is never another program than the one asked for."""
    key = cache_key(TINY, MODULE, "Linux-x86_64")
    assert key == cache_key(TINY, MODULE, "Linux-x86_64")
    assert key.startswith("tiny-")
    assert len(key) == len("tiny-") + 16
    assert cache_key(group, module, platform) != key
