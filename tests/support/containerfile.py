"""deploy/Containerfile, read as an engine reads it, and its first stage done without an engine."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
Instruction = tuple[str, str]


def stages() -> Sequence[Sequence[Instruction]]:
    """The stages, each a list of a word and its arguments; long lines are joined, comments are gone."""
    text = (ROOT / "deploy/Containerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    pairs = [(word, rest) for word, _, rest in (line.partition(" ") for line in joined)]
    starts = [number for number, (word, _) in enumerate(pairs) if word == "FROM"]
    return [pairs[start:end] for start, end in zip(starts, [*starts[1:], len(pairs)], strict=True)]


def said(stage: Sequence[Instruction], word: str) -> Sequence[str]:
    """The arguments of each instruction of one kind."""
    return [rest for each, rest in stage if each == word]


def variables(stage: Sequence[Instruction]) -> Mapping[str, str]:
    """What a stage gives its processes as environment."""
    words = [word for rest in said(stage, "ENV") for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)


def entry_point(stage: Sequence[Instruction]) -> Sequence[str]:
    """The words with which a container begins."""
    return [str(word) for word in json.loads(said(stage, "ENTRYPOINT")[-1])]


def copies(stage: Sequence[Instruction]) -> Iterator[tuple[Sequence[str], str]]:
    """What a stage copies from the context, and where to."""
    for rest in said(stage, "COPY"):
        *sources, target = shlex.split(rest)
        if not sources[0].startswith("--from"):
            yield sources, target


def handed_over(stage: Sequence[Instruction]) -> tuple[str, str]:
    """The folder that the last stage takes from the first one, and where it puts it."""
    (found,) = [shlex.split(rest) for rest in said(stage, "COPY") if rest.startswith("--from")]
    return found[1], found[2]


def build(folder: Path, places: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Do the first stage in an empty folder: what it copies is all that its commands find there.

    `places` says what stands here for absolute paths of the image.
    """
    folder.mkdir()
    stage = stages()[0]
    for sources, target in copies(stage):
        for source in sources:
            _copy(ROOT / source, folder / target, is_folder=target.endswith("/"))
    for command in said(stage, "RUN"):
        here = command
        for path, place in places.items():
            assert path in here
            here = here.replace(path, shlex.quote(place))
        subprocess.run(["sh", "-c", here], cwd=folder, env=environ, check=True)


def _copy(source: Path, target: Path, *, is_folder: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        return
    if is_folder:
        target.mkdir(exist_ok=True)
    shutil.copy(source, target)
