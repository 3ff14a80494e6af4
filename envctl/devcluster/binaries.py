"""The programs of the control plane: from KUBEBUILDER_ASSETS, from the cache folder, or built now."""

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from envctl.devcluster.catalog import (
    CONTROL_PLANE,
    GROUPS,
    PROGRAMS,
    PROGRAMS_FOLDER,
    Group,
    Version,
    cache_key,
    go_version,
    group_of,
    link_flags,
    module_version,
    parse_version,
    read_module,
    show_version,
)
from envctl.devcluster.folders import cache_folder
from envctl.devcluster.gobuild import Build, go_build, module_folder, version_of
from envctl.devcluster.gotoolchain import go_toolchain
from envctl.devcluster.locks import locked
from envctl.devcluster.progress import Progress, quiet
from envctl.errors import UnavailableError, UsageError

_OLDEST_ASSETS: Version = (1, 30)


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are, the stages that kwok reads, and objects to be made at the start.

    `objects` maps a file to the collection of the API that it is posted to.
    """

    paths: Mapping[str, Path]
    stages: tuple[Path, ...] = ()
    objects: Mapping[Path, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Path:
        """The path of a program. Raises UsageError for one that was not asked for."""
        if name not in self.paths:
            raise UsageError(f"the program {name} was not prepared", hint=f"ensure_programs([{name!r}])")
        return self.paths[name]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where programs come from. Tests put their own small Go modules here."""

    cache: Path = field(default_factory=cache_folder)
    assets: Path | None = field(default_factory=lambda: assets_folder(os.environ))
    modules: Path = PROGRAMS_FOLDER
    groups: tuple[Group, ...] = GROUPS


def assets_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder that KUBEBUILDER_ASSETS names, if it is set."""
    text = environ.get("KUBEBUILDER_ASSETS", "")
    return Path(text) if text else None


def ensure_programs(
    names: Sequence[str] = CONTROL_PLANE, progress: Progress = quiet, sources: Sources | None = None
) -> Programs:
    """The named programs, ready to run; what is missing is built once and kept in the cache folder.

    Safe when several processes ask at once: one builds, the others wait. Raises UsageError for an
    unknown name, UnavailableError where a program cannot be had.
    """
    found_in = sources or Sources()
    known = [name for group in found_in.groups for name in group.packages]
    for name in names:
        if name not in known:
            raise UsageError(f"there is no program {name}", hint=f"one of {', '.join(known)}")
    paths = _from_assets(names, found_in.assets)
    _refuse_old_server(paths, names, found_in)
    stages: tuple[Path, ...] = ()
    objects: dict[Path, str] = {}
    for group in found_in.groups:
        wanted = [name for name in names if name in group.packages and name not in paths]
        if wanted:
            folder = _ensure_group(group, wanted, progress, found_in)
            paths |= {name: folder / name for name in wanted}
            stages += tuple(folder / Path(file).name for file in group.stages)
            objects |= {folder / Path(file).name: where for file, where in group.objects.items()}
    return Programs(paths, stages, objects)


def cached_programs(sources: Sources | None = None) -> dict[str, Path]:
    """The programs that the cache folder has now, by name."""
    found_in = sources or Sources()
    folders = {group.name: group_folder(group, found_in) for group in found_in.groups}
    paths = {name: folders[group.name] / name for group in found_in.groups for name in group.packages}
    return {name: path for name, path in paths.items() if path.exists()}


def group_folder(group: Group, sources: Sources) -> Path:
    """The folder in the cache that a group's programs are kept in."""
    module = read_module(sources.modules / group.name)
    where = f"{platform.system()}-{platform.machine()}"
    return sources.cache / "programs" / cache_key(group, module, where)


def _from_assets(names: Sequence[str], folder: Path | None) -> dict[str, Path]:
    """What KUBEBUILDER_ASSETS has; programs that it lacks come from elsewhere.

    kwok is never taken from there: it needs the stages of its own version.
    """
    if folder is None:
        return {}
    if not folder.is_dir():
        raise UnavailableError(
            "KUBEBUILDER_ASSETS names no folder", place=str(folder), hint="unset it, or fix it"
        )
    paths = {name: folder / name for name in names if name in PROGRAMS and name != "kwok"}
    found = {name: path for name, path in paths.items() if path.exists()}
    for path in found.values():
        if not version_of(path):
            raise UnavailableError(
                "this program of KUBEBUILDER_ASSETS does not run here",
                place=str(path),
                hint="unset KUBEBUILDER_ASSETS, or download its programs for this platform",
            )
    return found


def _refuse_old_server(paths: Mapping[str, Path], names: Sequence[str], sources: Sources) -> None:
    """Server-side apply as envctl uses it needs 1.30; and controllers may not be newer than their server.

    Source: the Kubernetes version skew policy.
    """
    server = paths.get("kube-apiserver")
    if server is None:
        return
    version, oldest = parse_version(version_of(server))[:2], _OLDEST_ASSETS
    missing = [
        name for name in ("kube-controller-manager", "kube-scheduler") if name in names and name not in paths
    ]
    if missing:
        group = group_of("kube-apiserver", sources.groups)
        oldest = module_version(group, read_module(sources.modules / group.name))[:2]
    if version < oldest:
        reason = f" beside {' and '.join(missing)} of that version" if missing else ""
        raise UnavailableError(
            f"kube-apiserver {show_version(version)} is too old: {show_version(oldest)} is needed{reason}",
            place=str(server),
            hint="unset KUBEBUILDER_ASSETS to build all programs, or download newer ones",
        )


def _ensure_group(group: Group, wanted: Sequence[str], progress: Progress, sources: Sources) -> Path:
    folder = group_folder(group, sources)
    version = module_version(group, read_module(sources.modules / group.name))
    if _missing(folder, group, wanted, version):
        waiting = f"waiting for another process that builds {group.name}"
        with locked(folder.with_name(folder.name + ".lock"), waiting, progress):
            missing = _missing(folder, group, wanted, version)
            if missing:
                _build_group(group, missing, folder, progress, sources)
    return folder


def _missing(folder: Path, group: Group, wanted: Sequence[str], version: Version) -> list[str]:
    """The programs that are not there, or do not run; a group without its files is not there at all."""
    if not all((folder / Path(file).name).exists() for file in group.files):
        return list(wanted)
    return [name for name in wanted if version_of(folder / name) != show_version(version)]


def _build_group(
    group: Group, names: Sequence[str], folder: Path, progress: Progress, sources: Sources
) -> None:
    """Build in a work folder and move each program to its place when it has shown its version.

    The work folder's name is fixed, so the next one who holds the lock clears what a killed build left.
    """
    module = read_module(sources.modules / group.name)
    version = module_version(group, module)
    go = go_toolchain(go_version(module), sources.cache, progress)
    work = folder.with_name(folder.name + ".work")
    shutil.rmtree(work, ignore_errors=True)
    try:
        shutil.copytree(sources.modules / group.name, work / "module")
        title = f"{', '.join(names)} {show_version(version)}"
        packages = [group.packages[name] for name in names]
        flags = link_flags(group, version)
        go_build(go, Build(title, work / "module", packages, flags, work / "out"), progress)
        folder.mkdir(parents=True, exist_ok=True)
        _keep_files(group, module_folder(go, work / "module", group.module), folder)
        for name in names:
            _keep_program(_built(work / "out", group.packages[name]), folder / name, version)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _built(out: Path, package: str) -> Path:
    """The program that Go made of a package: named after its last part that is no major version."""
    parts = package.split("/")
    return out / (parts[-2] if parts[-1].startswith("v") and parts[-1][1:].isdigit() else parts[-1])


def _keep_program(built: Path, place: Path, version: Version) -> None:
    told = version_of(built.rename(built.with_name(place.name)))
    if told != show_version(version):
        raise UnavailableError(
            f"the new {place.name} says that it is version {told or 'unknown'}, not {show_version(version)}",
            hint="another build flag in GOFLAGS may be the cause (`go env GOFLAGS`)",
        )
    built.with_name(place.name).replace(place)


def _keep_files(group: Group, module: Path, folder: Path) -> None:
    for file in group.files:
        fresh = folder / (Path(file).name + ".new")
        shutil.copyfile(module / file, fresh)
        fresh.replace(folder / Path(file).name)
