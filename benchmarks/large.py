"""A repository of 100,000 files and 1 GB besides 5,000 objects: time and memory of each command.

    python benchmarks/large.py [SCRATCH] [--files 100000] [--bytes 10240] [--runs 3]

The files are of no concern to envctl, and lie in 1,000 folders below `docs/`; their bytes are random, so
the repository is as large as they are. It is kept in SCRATCH, 2 GB with its work tree. "More" is
the same command in the repository without them, in the same run.
"""

import argparse
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from history import SCRATCH, Size, copy, repository
from timing import ENVCTL, Measured, commit_all, git, peaks, run, verdict

FOLDERS = 1_000
COMMANDS = {
    "render, nothing changed": "render",
    "status": "status",
    "history": "history prod",
    "promote": "promote staging prod -c {name}",
    "rollback": "rollback prod --reason trouble",
}


def fill(root: Path, files: int, size: int) -> None:
    """Commit files of random bytes; equal options make equal files."""
    drawn = random.Random(0)  # noqa: S311  (no secret: the same bytes each time)
    done = subprocess.Popen(
        ["git", "-C", str(root), "-c", "core.compression=0", "fast-import", "--quiet"], stdin=subprocess.PIPE
    )
    if done.stdin is None:
        raise SystemExit("git fast-import has no pipe")
    done.stdin.write(
        b"commit refs/heads/main\ncommitter Ann <ann@example.com> 1800000000 +0000\ndata 4\nMore\n"
    )
    done.stdin.write(b"from refs/heads/main^0\n")
    for number in range(files):
        path = f"docs/{number % FOLDERS:03}/file{number}".encode()
        done.stdin.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path, size, drawn.randbytes(size)))
    done.stdin.close()
    if done.wait():
        raise SystemExit("git fast-import failed")
    git(root, "reset", "-q", "--hard", "main")


def large(scratch: Path, size: Size, files: int, length: int) -> Path:
    """The large repository, kept from one run to the next."""
    kept = scratch / f"large-{files}-{length}"
    if not kept.exists():
        making = kept.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        copy(repository(scratch, size), making)
        fill(making, files, length)
        making.rename(kept)
    return kept


def measure(root: Path, runs: int) -> dict[str, Measured]:
    """All commands in one repository; the first run of each is not counted."""
    found: dict[str, Measured] = {"render, cold": Measured()}
    command = [*ENVCTL, "-C", str(root)]
    run(found["render, cold"], [*command, "render"])
    for number in range(runs + 1):
        for name, arguments in COMMANDS.items():
            into = found.setdefault(name, Measured()) if number else Measured()
            run(into, [*command, *arguments.format(name=f"app{10 + number:03}").split()])
    for number in range(runs):
        overlay = root / "environments/prod/app000.jsonnet"
        overlay.write_text(f"{{ config+:: {{ note: 'run {number}' }} }}\n")
        commit_all(root, "Change a note")
        name = "publish one changed object"
        run(found.setdefault(name, Measured()), [*command, "render", "prod", "--publish"])
    for name in ("render", "status"):
        found[f"memory of {name}"] = Measured(peaks=peaks([*command, name]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scratch", type=Path, nargs="?", default=SCRATCH)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=10_240)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch, size = options.scratch.resolve(), Size(100)
    make: dict[str, Callable[[], Path]] = {
        "plain": lambda: repository(scratch, size),
        "large": lambda: large(scratch, size, options.files, options.bytes),
    }
    found = {}
    for name, kept in make.items():
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            found[name] = measure(copy(kept(), Path(folder, name)), options.runs)
    print(f"5,000 objects; {options.files} files more of {options.bytes} bytes")
    for name, each in found["large"].items():
        if each.seconds:
            base = found["plain"][name]
            more, work = min(each.seconds) - min(base.seconds), min(each.cpu) - min(base.cpu)
            print(f"  {name:<28} {each.text()} more {more:6.2f} s, {work:6.2f} s cpu")
        else:
            print(f"  {name:<28} {each.peaks.parent:.0f} + {each.peaks.worker:.0f} MiB")
    verdict("cold render", min(found["large"]["render, cold"].seconds), 120, "s")
    quiet = min(found["large"]["render, nothing changed"].seconds)
    verdict("a render in which nothing changed", quiet, 15, "s")
    verdict("memory of a render", found["large"]["memory of render"].peaks.parent, 200, "MiB")


if __name__ == "__main__":
    main()
