"""Run the program `git` in a folder that we have created."""

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager


class GitError(Exception):
    """Git failed; the message is the last line that it wrote to stderr, or empty."""


class MissingGitError(GitError):
    """There is no program `git`."""


class Started:
    """A running subcommand of Git; what it writes to stderr is discarded."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Take the process, which has pipes for its input and output."""
        self._process, self._input, self._output = process, process.stdin, process.stdout

    def write(self, request: bytes) -> None:
        """Send a request.

        Raises:
            GitError: the process has ended.
        """
        try:
            if self._input is not None:
                self._input.write(request)
                self._input.flush()
        except OSError as error:
            raise GitError(str(error)) from None

    def line(self) -> bytes:
        """Return the next line of the output; empty at its end."""
        return b"" if self._output is None else self._output.readline()

    def read(self, size: int) -> bytes:
        """Return the next bytes of the output.

        Raises:
            GitError: the output ends early.
        """
        content = b"" if self._output is None else self._output.read(size)
        if len(content) < size:
            raise GitError("its output ends early")
        return content

    def result(self) -> bytes:
        """Return the whole output of a subcommand without input.

        Raises:
            GitError: it fails.
        """
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise GitError(f"exit code {self._process.returncode}")
        return output


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
def started_git(
    arguments: Sequence[str], *, folder: str, environment: Mapping[str, str]
) -> Iterator[Started]:
    """Provide a running `git`, which is killed at the end of the context.

    Raises:
        GitError: there is no program `git`, or it cannot be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - without a shell
            ["git", *arguments],  # noqa: S607 - the user's own
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise MissingGitError from None
    except (OSError, ValueError) as error:
        raise GitError(str(error)) from None
    with process:
        try:
            yield Started(process)
        finally:
            process.kill()
