"""`.compile-matrix/state.json`: the digests by which a run sees that it would change nothing.

The state only saves time. It is verified against the bytes of every input and output, so a state
that is missing, damaged or written by another version means no more than compiling again.

An up-to-date run ends here: this module imports nothing that takes longer than reading the files
(no dataclasses or pathlib).
"""

import errno
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256

from compiler.constants import BAKE_FILE, FOLDER, LINK, OWN_IGNORE, PRESENT, STAGING, STATE_PATH
from compiler.external.json_object import load_object
from compiler.output.files import (
    CHUNK,
    OPEN_FOLDER,
    READ,
    READ_OURS,
    digest,
    is_inside,
    leads_inside,
    read,
)
from compiler.output.local_folder import read_local, write_local
from compiler.output.manifest import is_leftover
from compiler.source.file_globs import find_files


_STATE = STATE_PATH.rpartition("/")[2]
VERSION = 2
"""The version of the format of the state."""


class State:
    """What a run compiled, and the files that it read and wrote."""

    __slots__ = (
        *("compiler", "existing", "globs", "inputs", "matrix", "output", "outputs"),
        *("tested", "unbaked", "warnings"),
    )

    def __init__(
        self,
        *,
        compiler: str,
        matrix: str,
        output: str,
        tested: int,
        existing: int,
        unbaked: int,
        inputs: Mapping[str, str | None],
        globs: Mapping[str, Sequence[str]],
        outputs: Mapping[str, str],
        warnings: Sequence[object],
    ) -> None:
        """Describe a run.

        Args:
            compiler: the version of compile-matrix.
            matrix: the matrix file's path in the project's folder.
            output: the output folder; empty for the project's folder.
            tested: the number of targets with tests.
            existing: the number of targets with existing Dockerfiles.
            unbaked: the number of tags that only `publish` creates.
            inputs: path -> digest; FOLDER for a folder; PRESENT for a path of which only the
                existence counts; None for a path that does not exist.
            globs: pattern -> the files that it finds, in order.
            outputs: path -> digest, the Dockerfiles first.
            warnings: each as JSON.
        """
        self.compiler, self.matrix, self.output, self.tested = compiler, matrix, output, tested
        self.existing, self.unbaked, self.inputs, self.globs = existing, unbaked, inputs, globs
        self.outputs, self.warnings = outputs, warnings

    @property
    def targets(self) -> int:
        """The number of targets.

        Those with a generated Dockerfile are all outputs but test Dockerfiles, bake file and
        matrix.json.
        """
        return len(self.outputs) - self.tested - 2 + self.existing


def digests(files: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Return path -> digest of generated files."""
    return {path: digest(content) for path, content in files}


def save_state(project: str | os.PathLike[str], state: State) -> None:
    """Write the state of a run that is complete; do nothing where that is impossible."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    lines = [
        f' "version": {VERSION}, "compiler": {encode(state.compiler)},',
        f' "matrix": {encode(state.matrix)}, "output": {encode(state.output)},',
        f' "tested": {state.tested}, "existing": {state.existing}, "unbaked": {state.unbaked},',
        f' "warnings": {encode(state.warnings)},',
        f' "inputs": {encode(state.inputs)}, "globs": {encode(state.globs)},',
        f' "outputs": {encode(state.outputs)}}}\n',
    ]
    # A lone surrogate becomes \udc80: backslashreplace happens to write JSON.
    body = "\n".join(lines).encode(errors="backslashreplace")
    with suppress(OSError):
        write_local(project, _STATE, _first_line(body) + body)


def up_to_date(project: str | os.PathLike[str], matrix: str, *, compiler: str) -> State | None:
    """Return the state of the last run if running again would change nothing, else None.

    Writes nothing and raises nothing, whatever the files contain.

    Args:
        project: the project's folder.
        matrix: the matrix file's path in it.
        compiler: the version of compile-matrix.
    """
    opened: list[int] = []
    try:
        opened.append(os.open(project, OPEN_FOLDER))
        state = _parse(read_local(opened[0], _STATE))
        if (state.compiler, state.matrix) != (compiler, matrix):
            return None
        if not leads_inside(project, state.output):
            return None
        opened.append(os.open(state.output or ".", OPEN_FOLDER, dir_fd=opened[0]))
        globs = state.globs.items()
        if any(find_files(project, pattern) != paths for pattern, paths in globs):
            return None
        return state if _is_current(state, *opened) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _first_line(body: bytes) -> bytes:
    """Return the state's first line: a digest of the rest, by which damage is noticed."""
    return b'{"digest": "%s",\n' % digest(body).encode()


def _parse(content: bytes) -> State:
    """Read a state.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is damaged, or not of this version.
    """
    start = content.index(b"\n") + 1
    if content[:start] != _first_line(content[start:]):
        raise ValueError("damaged")
    fields = load_object(content)
    if fields is None:
        raise ValueError("not an object")
    del fields["digest"]
    if fields.pop("version") != VERSION or not isinstance(fields["warnings"], list):
        raise ValueError("another version")
    if any(type(fields[name]) is not int for name in ("tested", "existing", "unbaked")):
        raise TypeError("not a number")
    return State(**fields)


def _is_current(state: State, top: int, folder: int) -> bool:
    """Return whether all inputs and outputs are as recorded, and no killed run left anything."""
    outputs = dict(state.outputs)
    return (
        state.matrix in state.inputs
        and STAGING not in os.listdir(top)
        and all(input_is_current(path, recorded, top) for path, recorded in state.inputs.items())
        and outputs.pop(BAKE_FILE) == digest(read(BAKE_FILE, top))
        and _folder_is_current(state, outputs, folder)
    )


def input_is_current(path: str, recorded: str | None, top: int) -> bool:
    """Return whether an input is as recorded."""
    if not is_inside(path) and (path, recorded) != (".", FOLDER):
        return False
    try:
        if recorded == FOLDER:
            return stat.S_ISDIR(os.stat(path, dir_fd=top).st_mode)
        if recorded == PRESENT:
            return not stat.S_ISLNK(os.stat(path, dir_fd=top, follow_symlinks=False).st_mode)
        if recorded is not None and recorded.startswith(LINK):
            return recorded == LINK + _target(path, top)
        return digest(read(path, top, READ)) == recorded
    except (FileNotFoundError, NotADirectoryError):
        return recorded is None


def _target(path: str, top: int) -> str:
    """Return the target of a link; empty for anything else that exists."""
    try:
        return os.readlink(path, dir_fd=top)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return ""


def _folder_is_current(state: State, outputs: Mapping[str, str], folder: int) -> bool:
    """Return whether the output folder has each of these as recorded, and nothing else that counts.

    That is another file of ours, or an ignore file that is not an input.
    """
    others = set(os.listdir(folder))
    prefix = f"{state.output}/" if state.output else ""
    start = len(prefix)
    for path, recorded in outputs.items():
        name = path[start:]
        if not path.startswith(prefix) or "/" in name:
            return False
        # What `read` does, without a call for each of very many files.
        file = os.open(name, READ_OURS, dir_fd=folder)
        try:
            content = os.read(file, CHUNK)
        finally:
            os.close(file)
        if len(content) == CHUNK:
            content = read(name, folder)
        if "sha256:" + sha256(content).hexdigest() != recorded:
            return False
        others.discard(name)
    return STAGING not in others and not any(
        is_leftover(name, folder)
        or (name.endswith(OWN_IGNORE) and f"{prefix}{name}" not in state.inputs)
        for name in others
    )
