"""Run Git on the repository of a project without running anything that the repository names.

A repository's configuration, hooks and attributes can name programs: fsmonitor, filters, external
diffs, pagers, credential helpers and many more. Instead of switching these off one by one, Git runs
on a temporary repository folder that links to the objects, references and index of the real one and
has a configuration of its own: a few settings without programs, copied from the user's and from the
repository's configuration. No other setting is known to Git, whatever its name.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from compiler.external.git_config import (
    repository_settings,
    safe_directories,
    settings_text,
    user_settings,
)
from compiler.external.git_repository import Repository, read_small_file
from compiler.external.scratch import scratch_folder


_SHARED = ("objects", "refs", "reftable", "packed-refs", "info", "logs", "shallow")
"""Of the folder that all work trees of a repository share; hooks and configuration are not."""
_OWN = ("index", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
"""Of the folder of one work tree."""

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


class GitError(Exception):
    """Git failed; the message is the last line that it wrote to stderr, or empty."""


class MissingGitError(GitError):
    """There is no program `git`."""


class ForeignRepositoryError(GitError):
    """The repository belongs to another user, and `safe.directory` does not list it."""


class Git:
    """Git on one repository: without hooks, filters, configured programs or the network."""

    def __init__(self, repository: Repository, folder: str) -> None:
        """Take the repository and the temporary repository folder."""
        self.repository = repository
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
        inherited = {key: text for key, text in os.environ.items() if not key.startswith("GIT_")}
        home = {"HOME": self._folder, "XDG_CONFIG_HOME": self._folder}
        places = (f"--git-dir={self._folder}", f"--work-tree={self.repository.work_tree}")
        environment = {**inherited, **_ENVIRONMENT, **home, **(variables or {})}
        return run_git(
            [*places, "--no-pager", *arguments],
            stdin,
            folder=self._folder,
            environment=environment,
            timeout=timeout,
            accepted=accepted,
        )


def run_git(
    arguments: Sequence[str],
    stdin: bytes = b"",
    *,
    folder: str,
    environment: Mapping[str, str],
    timeout: float,
    accepted: Iterable[int] = (0,),
) -> bytes:
    """Run the program `git` in a folder that we have created, and return its output.

    Raises:
        GitError: it fails, takes too long, or does not exist.
    """
    try:
        completed = subprocess.run(  # noqa: S603 - without a shell
            ["git", *arguments],  # noqa: S607 - the user's own
            cwd=folder,
            env=dict(environment),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout,
        )
    except FileNotFoundError:
        raise MissingGitError from None
    except subprocess.TimeoutExpired:
        raise GitError(f"it took more than {timeout:.0f} seconds") from None
    except (OSError, ValueError) as error:
        raise GitError(str(error)) from None
    if completed.returncode not in accepted:
        lines = completed.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(lines[-1] if lines else "")
    return completed.stdout


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
        _populate(folder, repository)
        yield Git(repository, folder)


def _populate(folder: str, repository: Repository) -> None:
    """Link the parts of a repository into a temporary repository folder, and configure it."""
    try:
        for source, names in ((repository.common_dir, _SHARED), (repository.git_dir, _OWN)):
            for name in names:
                path = os.path.join(source, name)
                if os.path.exists(path):
                    os.symlink(path, os.path.join(folder, name))
        for name in os.listdir(repository.git_dir):
            if name.startswith("sharedindex."):
                path = os.path.join(repository.git_dir, name)
                os.symlink(path, os.path.join(folder, name))
        _write(folder, "HEAD", read_small_file(os.path.join(repository.git_dir, "HEAD")))
        own = repository_settings(_configuration(repository))
        _write(folder, "config", settings_text(own))
        listed = _user_configuration(folder)
        if not (repository.is_own() or repository.is_listed(safe_directories(listed))):
            raise ForeignRepositoryError
        _write(folder, "config", settings_text([*user_settings(listed), *own]))
    except OSError as error:
        raise GitError(str(error)) from None


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
