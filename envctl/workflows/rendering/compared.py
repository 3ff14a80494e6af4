"""A deploy commit against a render, folder by folder: folders with equal tree ids are never opened."""

from collections.abc import Mapping

from envctl.errors import InputError
from envctl.manifests.gitids import blob_id
from envctl.manifests.paths import COMPONENTS_FILE, component_folder
from envctl.model.git import Entry, EntryKind, TreeChange
from envctl.ports import Repository
from envctl.workflows.rendering.rendered import Rendered, part_blobs


class DeployTree:
    """The deploy tree of a commit; an empty one where there is no commit yet."""

    def __init__(self, repository: Repository, commit: str | None) -> None:
        self._repository = repository
        self.id = repository.commit(commit).tree if commit else ""
        listed = repository.tree(commit).list("") if commit else ()
        self._entries: Mapping[str, Entry] = {entry.name: entry for entry in listed}

    @property
    def names(self) -> tuple[str, ...]:
        """What lies at its top."""
        return tuple(self._entries)

    def folder(self, name: str) -> str:
        """The tree id of a folder at its top, "" where there is none."""
        entry = self._entries.get(name)
        return entry.id if entry and entry.kind is EntryKind.TREE else ""

    def blobs(self, name: str) -> dict[str, str]:
        """Each file at or below a name at its top, and its id."""
        folder, entry = self.folder(name), self._entries.get(name)
        if not folder:
            return {name: entry.id} if entry else {}
        return {
            f"{name}/{each.path}": each.new for each in self._repository.changes(None, folder) if each.new
        }


def changes_from(deployed: DeployTree, rendered: Rendered) -> tuple[TreeChange, ...]:
    """The files that differ, from a deploy commit to a render, sorted by path."""
    if deployed.id == rendered.tree or rendered.contents is None:
        return ()
    new = {COMPONENTS_FILE: blob_id(rendered.contents.components_file)}
    same = set()
    for part in rendered.parts:
        folder = component_folder(part.component)
        if part.tree and deployed.folder(folder) == part.tree:
            same.add(folder)
        else:
            new |= part_blobs(part)
    old: dict[str, str] = {}
    for name in deployed.names:
        if name not in same:
            old |= deployed.blobs(name)
    paths = sorted(old.keys() | new.keys())
    return tuple(
        TreeChange(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)
    )


def written_over(repository: Repository, deployed: DeployTree, rendered: Rendered) -> str:
    """Write the tree of a render over that of a deploy commit; its id.

    Only what differs is read and written. Where the commit's tree cannot be edited into it (a file's
    mode was changed by hand, a file is where a folder is to be), all of it is written anew.
    """
    edits: dict[str, bytes | str] = {
        each.path: rendered.files[each.path] if each.new else "" for each in changes_from(deployed, rendered)
    }
    try:
        written = repository.write_tree(edits, base=deployed.id or None)
    except InputError:
        written = ""
    return written if written == rendered.tree else repository.write_tree(_entries_over(deployed, rendered))


def _entries_over(deployed: DeployTree, rendered: Rendered) -> Mapping[str, bytes | str]:
    """What to write for a render: ids of the folders and files that the commit has, bytes of the others."""
    entries: dict[str, bytes | str] = {COMPONENTS_FILE: rendered.files[COMPONENTS_FILE]}
    for part in rendered.parts:
        folder = component_folder(part.component)
        if part.tree and deployed.folder(folder) == part.tree:
            entries[folder] = part.tree
            continue
        have = deployed.blobs(folder)
        for path, blob in part_blobs(part).items():
            entries[path] = blob if have.get(path) == blob else rendered.files[path]
    return entries
