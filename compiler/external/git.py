"""Run Git on the repository of a project without running anything that the repository names.

A repository's configuration, hooks and attributes can name programs: fsmonitor, filters, external
diffs, pagers, credential helpers and many more. Instead of switching these off one by one, Git runs
on a temporary repository folder that links to the objects, references and index of the real one and
has a configuration of its own: a few settings without programs, copied from the user's and from the
repository's configuration. No other setting is known to Git, whatever its name.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from compiler.external.git_config import (
    repository_settings,
    safe_directories,
    settings_text,
    user_settings,
)
from compiler.external.git_process import GitError, Started, run_git, started_git
from compiler.external.git_repository import Repository, read_small_file
from compiler.external.scratch import scratch_folder


_SHARED = ("objects", "refs", "reftable", "packed-refs", "info", "logs", "shallow")
"""Of the folder that all work trees of a repository share; hooks and configuration are not."""
_OWN = ("index", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
"""Of the folder of one work tree."""
_LISTS = ("info", "pack")
"""Of the folder of objects: what Git reads to find any object."""

_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


class ForeignRepositoryError(GitError):
    """The repository belongs to another user, and `safe.directory` does not list it."""


class Git:
    """Git on one repository: without hooks, filters, configured programs or the network."""

    def __init__(self, repository: Repository, folder: str, settings: Mapping[str, str]) -> None:
        """Take the repository, the temporary repository folder, and its settings of `core`."""
        self.repository, self.settings = repository, settings
        self._folder = folder

    def run(
        self,
        arguments: Sequence[str],
        stdin: bytes = b"",
        *,
        timeout: float,
        variables: Mapping[str, str] | None = None,
        accepted: Iterable[int] = (0,),
    ) -> bytes:
        """Run a subcommand and return its output.

        Args:
            arguments: the subcommand and its arguments; paths are relative to the work tree.
            stdin: its input.
            timeout: in seconds.
            variables: further environment variables.
            accepted: exit codes that do not count as a failure.

        Raises:
            GitError: it fails, takes too long, or there is no program `git`.
        """
        return run_git(
            self._complete(arguments),
            stdin,
            folder=self._folder,
            environment={**self._environment(), **(variables or {})},
            timeout=timeout,
            accepted=accepted,
        )

    @contextmanager
    def started(self, arguments: Sequence[str]) -> Iterator[Started]:
        """Provide a running subcommand, which is killed at the end of the context.

        Raises:
            GitError: there is no program `git`, or it cannot be started.
        """
        with started_git(
            self._complete(arguments), folder=self._folder, environment=self._environment()
        ) as started:
            yield started

    def refuse_pipes(self, name: str, paths: Iterable[bytes]) -> None:
        """Check a file that Git reads in all folders above some paths of the work tree.

        Raises:
            GitError: one of them is a pipe or a device, for which Git would wait forever.
        """
        folders = {path.rpartition(b"/")[0] for path in paths}
        pending = [*folders]
        while pending:
            above = pending.pop().rpartition(b"/")[0]
            if above not in folders:
                folders.add(above)
                pending.append(above)
        top = os.fsencode(self.repository.work_tree)
        for folder in folders:
            path = os.path.join(top, folder, os.fsencode(name))
            with suppress(OSError):
                mode = os.lstat(path).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
                    raise GitError(f"not a regular file: {os.fsdecode(path)}")

    def _complete(self, arguments: Sequence[str]) -> list[str]:
        """Return arguments after those that name the repository."""
        places = (f"--git-dir={self._folder}", f"--work-tree={self.repository.work_tree}")
        return [*places, "--no-pager", *arguments]

    def _environment(self) -> dict[str, str]:
        inherited = {key: text for key, text in os.environ.items() if not key.startswith("GIT_")}
        home = {"HOME": self._folder, "XDG_CONFIG_HOME": self._folder}
        return {**inherited, **_ENVIRONMENT, **home}


@contextmanager
def git_on(repository: Repository) -> Iterator[Git]:
    """Provide Git on a repository; its temporary folder is removed at the end.

    Raises:
        GitError: the repository cannot be read.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch_folder())
        except OSError as error:
            raise GitError(str(error)) from None
        yield Git(repository, folder, _populate(folder, repository))


def _populate(folder: str, repository: Repository) -> dict[str, str]:
    """Link the parts of a repository into a temporary repository folder, and configure it.

    Returns the settings of `core`, without the prefix.
    """
    try:
        for source, names in ((repository.common_dir, _SHARED), (repository.git_dir, _OWN)):
            for name in names:
                path = os.path.join(source, name)
                if os.path.exists(path):
                    _link(path, os.path.join(folder, name))
        for name in os.listdir(repository.git_dir):
            if name.startswith("sharedindex."):
                _link(os.path.join(repository.git_dir, name), os.path.join(folder, name))
        _write(folder, "HEAD", read_small_file(os.path.join(repository.git_dir, "HEAD")))
        own = repository_settings(_configuration(repository))
        _write(folder, "config", settings_text(own))
        listed = _user_configuration(folder)
        if not (repository.is_own() or repository.is_listed(safe_directories(listed))):
            raise ForeignRepositoryError
        settings = [*user_settings(listed), *own]
        _write(folder, "config", settings_text(settings))
    except OSError as error:
        raise GitError(str(error)) from None
    return {key: value for section, _, key, value in settings if section == "core"}


def _link(path: str, link: str) -> None:
    """Link a part of a repository.

    Raises:
        OSError: it is, or contains, a pipe or a device, for which Git would wait forever.
    """
    is_objects = os.path.basename(path) == "objects"
    pending = [os.path.join(path, name) for name in _LISTS] if is_objects else [path]
    while pending:
        current = pending.pop()
        if os.path.isdir(current):
            with os.scandir(current) as entries:
                pending += [
                    entry.path
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False)
                    or not (entry.is_file() or entry.is_dir())
                ]
        elif os.path.exists(current) and not os.path.isfile(current):
            raise OSError(f"not a regular file: {current}")
    os.symlink(path, link)


def _configuration(repository: Repository) -> bytes:
    try:
        return read_small_file(os.path.join(repository.common_dir, "config"))
    except FileNotFoundError:
        return b""


def _user_configuration(folder: str) -> bytes:
    """Return the user's configuration as `git config --null --list` prints it; empty on failure."""
    environment = {
        key: text
        for key, text in os.environ.items()
        if not key.startswith("GIT_") or key.startswith("GIT_CONFIG")
    }
    return run_git(
        [f"--git-dir={folder}", "config", "--null", "--includes", "--list"],
        folder=folder,
        environment={**environment, "LC_ALL": "C"},
        timeout=10,
        accepted=(0, 1, 128),
    )


def _write(folder: str, name: str, content: bytes) -> None:
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)
