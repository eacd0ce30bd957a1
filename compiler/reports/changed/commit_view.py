"""The files of a commit together with the files that compiling it would write."""

from collections.abc import Iterable

from compiler.constants import DOCKERFILE_SUFFIX, PLAN_FILE
from compiler.external.git_objects import FILE, FOLDER, Entry
from compiler.external.git_tree import CommitTree, Folder, below
from compiler.output.artifact import Artifact
from compiler.output.manifest import is_marked, listed_files


class CommitView:
    """Folders of a commit, with generated files in the places of those that are committed."""

    def __init__(self, tree: CommitTree) -> None:
        """Take the commit."""
        self.tree = tree
        self._added: dict[str, dict[str, Entry]] = {}
        self._written: dict[str, bytes] = {}
        self._output: str | None = None
        self._folders: dict[str, Folder | None] = {}

    def generate(self, project: str, artifacts: Iterable[Artifact], output: str) -> None:
        """Add generated files; stale ones of the output folder disappear.

        Args:
            project: the project's folder in the work tree; empty, or with `/` at its end.
            artifacts: the files.
            output: the output folder, relative to the project's.
        """
        for artifact in artifacts:
            digest = self.tree.objects.hash_of_blob(len(artifact.content))
            digest.update(artifact.content)
            object_id = digest.hexdigest()
            self._written[object_id] = artifact.content
            above, _, name = f"{project}{artifact.path}".rpartition("/")
            self._added.setdefault(above, {})[name] = Entry(FILE, object_id)
        folders = [path for path in self._added if path]
        for path in folders:
            above, _, name = path.rpartition("/")
            if above and above not in self._added:
                folders.append(above)
            self._added.setdefault(above, {}).setdefault(name, Entry(FOLDER, ""))
        self._output = project.rstrip("/") if output == "." else f"{project}{output}"
        self._folders.clear()

    def folder(self, path: str) -> Folder | None:
        """Return a folder; None if there is no folder at the path.

        Raises:
            GitError: the repository does not have its tree.
        """
        if path not in self._folders:
            self._folders[path] = self._changed(path, self.tree.folder(path))
        return self._folders[path]

    def differs(self, path: str) -> bool:
        """Return whether generating changed anything in a folder.

        Args:
            path: the absolute path of the folder.
        """
        top = below(self.tree.top, path)
        if top is None:
            return False
        for changed in self._added:
            if below(top, changed) is not None:
                before, after = self.tree.folder(changed), self.folder(changed)
                if before is None or after is None or before.entries != after.entries:
                    return True
        return False

    def written(self, entry: Entry) -> bytes | None:
        """Return the content of a generated file; None for a file of the commit."""
        return self._written.get(entry.object_id)

    def content(self, folder: Folder, entry: Entry, limit: int = -1) -> bytes:
        """Return the content of a file in a folder as the repository has it, up to a limit.

        Raises:
            GitError: the repository does not have it.
        """
        written = self._written.get(entry.object_id)
        return folder.tree.objects.read(entry.object_id, limit) if written is None else written

    def _changed(self, path: str, folder: Folder | None) -> Folder | None:
        """Return a folder of the commit with the generated files in it."""
        added = self._added.get(path)
        if added is None:
            return folder
        folder = folder or Folder({}, self.tree, path)
        entries = dict(folder.entries)
        if path == self._output:
            for name in self._stale(folder, added):
                del entries[name]
        for name, entry in added.items():
            existing = entries.get(name)
            if existing is None:
                entries[name] = entry
            elif entry.mode != FOLDER and existing.mode & FILE == FILE:
                entries[name] = Entry(existing.mode, entry.object_id)
        return folder._replace(entries=entries)

    def _stale(self, folder: Folder, added: Iterable[str]) -> list[str]:
        """Return the generated files of the commit that compiling it would delete."""
        plan = folder.entries.get(PLAN_FILE)
        listed = frozenset[str]() if plan is None else listed_files(self.content(folder, plan))
        names = {path.rpartition("/")[2] for path in listed}
        candidates = {
            name: entry
            for name, entry in folder.entries.items()
            if name not in added and (name == PLAN_FILE or name.endswith(DOCKERFILE_SUFFIX))
        }
        return [
            name
            for name, entry in candidates.items()
            if name in names or is_marked(self.content(folder, entry))
        ]
