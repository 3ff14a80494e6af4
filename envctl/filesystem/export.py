"""Write a deploy tree to a folder, replacing an earlier export as a whole."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from envctl.errors import InputError

# Every deploy tree holds this file, so a folder that has it is an earlier export.
_MARK = ".envctl/components"


def export_tree(files: Mapping[str, bytes], folder: Path) -> None:
    """Make `folder` hold exactly these files. Raises InputError for a folder that is no earlier export.

    The new folder is written beside the old one and takes its place by rename, so a reader
    never sees a mixture and files that left the tree do not stay.
    """
    if folder.is_symlink() or (folder.exists() and not _is_export(folder)):
        raise InputError(
            "the folder holds other files, so it is not replaced",
            place=str(folder),
            hint="name a folder that is empty, absent, or an earlier export",
        )
    try:
        _replace(files, folder)
    except OSError as error:
        raise InputError(f"cannot write: {error.strerror}", place=str(error.filename or folder)) from error


def _is_export(folder: Path) -> bool:
    return folder.is_dir() and ((folder / _MARK).is_file() or not any(folder.iterdir()))


def _replace(files: Mapping[str, bytes], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        new = Path(scratch) / "new"
        for path, data in files.items():
            target = new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if folder.exists():
            os.replace(folder, Path(scratch) / "old")  # noqa: PTH105  rename(2), as one step
        shutil.move(new, folder)
