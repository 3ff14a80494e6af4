"""Which programs make a control plane, and from which pinned Go modules they are built.

Each group is a small Go module in ``programs/<group>/``: `go.mod` pins one public module and
all it needs, `go.sum` its hashes. The versions are read from there, so they are written once.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

Version = tuple[int, ...]

PROGRAMS_FOLDER = Path(__file__).parent / "programs"

# What kwok's own stages leave out.
OWN_STAGES = tuple(sorted((Path(__file__).parent / "stages").glob("*.yaml")))

# No C compiler is needed, paths of this machine stay out, and symbols that only debuggers read are left out.
BUILD_FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly")
LINK_FLAGS = "-s -w"


@dataclass(frozen=True, slots=True)
class Group:
    """Programs that are built together from one Go module.

    `packages` maps a program to its package, `stamps` names the Go variables that get a part
    of the version (``{version}``, ``{major}``, ``{minor}``). `stages` and `objects` name files of
    the module that the programs need beside them: what kwok plays, and objects that a cluster is
    given at its start, each with the collection of the API that it is posted to.
    """

    name: str
    module: str
    packages: dict[str, str]
    stamps: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    objects: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """All files of the module that are kept beside the programs."""
        return (*self.stages, *self.objects)


GROUPS = (
    Group(
        "kubernetes",
        "k8s.io/kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        },
        stamps=(
            "k8s.io/component-base/version.gitVersion=v{version}",
            "k8s.io/component-base/version.gitMajor={major}",
            "k8s.io/component-base/version.gitMinor={minor}",
        ),
    ),
    Group("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Group(
        "kwok",
        "sigs.k8s.io/kwok",
        {"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
        stages=(
            "kustomize/stage/node/fast/node-initialize.yaml",
            "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
            "kustomize/stage/pod/fast/pod-ready.yaml",
            "kustomize/stage/pod/fast/pod-complete.yaml",
            "kustomize/stage/pod/fast/pod-delete.yaml",
            "kustomize/stage/volume/fast/pvc-provision.yaml",
            "kustomize/stage/volume/fast/pvc-delete.yaml",
            "kustomize/stage/volume/fast/pv-bind.yaml",
            "kustomize/stage/volume/fast/pv-delete.yaml",
        ),
        objects={
            "kustomize/stage/volume/fast/storage-class.yaml": "/apis/storage.k8s.io/v1/storageclasses",
        },
    ),
)

# What a whole control plane runs; kubectl is built only where somebody asks for it.
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "kwok")
PROGRAMS = tuple(name for group in GROUPS for name in group.packages)


@dataclass(frozen=True, slots=True)
class Module:
    """The text of a group's `go.mod` and `go.sum`."""

    mod: str
    sums: str


def group_of(program: str, groups: tuple[Group, ...] = GROUPS) -> Group:
    """The group that builds a program. Raises KeyError for a name that is no program."""
    for group in groups:
        if program in group.packages:
            return group
    raise KeyError(program)


def read_module(folder: Path) -> Module:
    """A group's module as it lies in a folder."""
    return Module((folder / "go.mod").read_text(), (folder / "go.sum").read_text())


def parse_version(text: str) -> Version:
    """The first version number in a text, as numbers; empty where there is none."""
    found = re.search(r"(?<![\w.])(?:v|go)?(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def show_version(version: Version) -> str:
    """A version as people write it."""
    return ".".join(str(part) for part in version) or "unknown"


def module_version(group: Group, module: Module) -> Version:
    """The version that a `go.mod` pins for the group's module. Raises ValueError where it pins none."""
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(group.module)} v(\S+)", module.mod, re.MULTILINE)
    if not found:
        raise ValueError(f"go.mod of {group.name} does not require {group.module}")
    return parse_version(found[1])


def go_version(module: Module) -> Version:
    """The oldest Go release that a module allows: the `go` line of its `go.mod`."""
    found = re.search(r"^go (\S+)$", module.mod, re.MULTILINE)
    return parse_version(found[1]) if found else ()


def link_flags(group: Group, version: Version) -> str:
    """The linker's flags: no debug symbols, and the version stamped into the programs."""
    parts = {"version": show_version(version), "major": version[0], "minor": version[1]}
    return " ".join([LINK_FLAGS, *(f"-X {stamp.format(**parts)}" for stamp in group.stamps)])


def cache_key(group: Group, module: Module, platform: str) -> str:
    """A name for what a build makes: it changes with the pins, the flags, the files and the platform.

    The Go release is left out on purpose: any that is new enough makes a program as good.
    """
    flags = (*BUILD_FLAGS, link_flags(group, module_version(group, module)), *group.files, platform)
    digest = hashlib.sha256("\0".join((module.mod, module.sums, *flags)).encode())
    return f"{group.name}-{digest.hexdigest()[:16]}"
