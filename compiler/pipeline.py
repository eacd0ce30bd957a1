"""Run the phases of the compiler: from the project's folder to artifacts. Writes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from compiler.codes import Code
from compiler.constants import LOCK, MAX_VARIANTS
from compiler.errors import CompileError, Diagnostic, Location, Problems, allow_hints
from compiler.matrix.load import load_valid
from compiler.output.artifact import Compilation
from compiler.source.document import LIMIT, Source
from compiler.source.file_system import DISK, FileSystem
from compiler.source.project_files import NEAR, FileError, Files
from compiler.targets.expand import expand
from compiler.targets.plan import Plan, plan
from compiler.targets.resolve import resolve


BAKE_TEMPLATE = "docker-bake.hcl.j2"
"""The template of the bake file: the project's own next to matrix.yaml, or the packaged one."""


def plan_matrix(files: Files, name: str, *, limit: int = MAX_VARIANTS) -> Plan:
    """Read a matrix and plan its targets and groups, without rendering a Dockerfile.

    Args:
        files: the project's files.
        name: the matrix file's name among them.
        limit: the maximum number of variants.

    Raises:
        CompileError: with every diagnostic of the first phase that finds any. Errors of expanding
            and resolving are added to those of the matrix, unless they follow from these.
    """
    allow_hints()
    try:
        source = Source.parse(files.read(name, limit=LIMIT), files.shown(name))
    except FileError as error:
        if error.code is Code.MISSING_FILE and error.help == NEAR:
            error.help = "`compile-matrix init` writes a sample; `-f FILE` names another matrix"
        raise CompileError([error.at(Location(path=files.shown(name), line=0))]) from None
    matrix = load_valid(source, files)
    try:
        targets = resolve(matrix, expand(matrix, limit), files)
    except CompileError as error:
        raise _joined(matrix.errors, error) if matrix.errors else error from None
    if matrix.errors:
        raise CompileError(matrix.errors)
    return plan(matrix, targets)


def _joined(errors: Iterable[Diagnostic], later: CompileError) -> CompileError:
    """Return the errors of two phases as one, in the order of the file, without repetitions."""
    problems = Problems()
    problems.extend(errors)
    known = {(error.code, error.location) for error in problems.diagnostics()}
    for error in later.diagnostics:
        if (error.code, error.location) not in known:
            problems.add(error)
    return CompileError(problems.diagnostics())


def compile_matrix(
    path: Path,
    *,
    shown: str = "",
    limit: int = MAX_VARIANTS,
    locked: bool = False,
    disk: FileSystem = DISK,
) -> Compilation:
    """Compile a matrix.

    Args:
        path: the matrix file; its folder is the project's folder.
        shown: how diagnostics name that folder, in front of each path.
        limit: the maximum number of variants.
        locked: whether to warn about images that are not locked even without a matrix.lock.
        disk: what the project's files are read from.

    Raises:
        CompileError: with every diagnostic of the first phase that finds any.
    """
    files = Files(path.parent, shown, disk)
    planned = plan_matrix(files, path.name, limit=limit)
    return compile_plan(planned, files, path.name, locked=locked)


def compile_plan(planned: Plan, files: Files, name: str, *, locked: bool = False) -> Compilation:
    """Compile a plan.

    Args:
        planned: the plan of a matrix.
        files: the project's files, from which the matrix was read.
        name: the matrix file's name among them.
        locked: whether to warn about images that are not locked even without a matrix.lock.

    Raises:
        CompileError: with every diagnostic of the first phase that finds any.
    """
    from compiler.output.emit import emit
    from compiler.render.dockerfile_checks import check_dockerfiles
    from compiler.render.lint import lint
    from compiler.render.render import render
    from compiler.render.templates import Templates

    templates = Templates(files)
    dockerfiles = render(planned.matrix, planned.targets, templates)
    checked = check_dockerfiles(planned, dockerfiles, templates, files)
    bake_template = _bake_template(files)
    own = "" if files.absent(BAKE_TEMPLATE) else bake_template[0]
    planned = replace(planned, warnings=(*lint(planned, dockerfiles, templates, own), *checked))
    refreshed: Mapping[str, str] = {}
    if not files.absent(LOCK) or locked or planned.matrix.lock.policy:
        from compiler.lock.apply import load_lock, pinned
        from compiler.lock.lockfile import Lock

        lock = load_lock(files) or Lock()
        planned, dockerfiles = pinned(planned, dockerfiles, lock, templates)
        refreshed = lock.refreshed
    try:
        artifacts = emit(planned, dockerfiles, source=name, bake_template=bake_template)
    except UnicodeEncodeError as error:
        surrogate = f"U+{ord(error.object[error.start]):04X}"
        raise CompileError(
            [
                Diagnostic(
                    code=Code.UNPRINTABLE,
                    message=f"an expression results in the lone surrogate {surrogate}",
                    location=Location(path=files.shown(name), line=0),
                    help="find the expression that turns numbers into characters, such as "
                    "`'%c' | format(...)`",
                )
            ]
        ) from None
    return Compilation(
        plan=planned,
        dockerfiles={dockerfile.target.name: dockerfile.text for dockerfile in dockerfiles},
        artifacts=artifacts,
        refreshed=refreshed,
        inputs=dict(files.digests),
        shapes=templates.shapes,
        globs=dict(files.found),
    )


def _bake_template(files: Files) -> tuple[str, str]:
    """Return the text of docker-bake.hcl.j2, and how diagnostics name that file."""
    if files.absent(BAKE_TEMPLATE):
        packaged = Path(__file__).with_name(BAKE_TEMPLATE)
        return packaged.read_text(encoding="utf-8"), str(packaged)
    try:
        return files.read(BAKE_TEMPLATE).decode("utf-8-sig"), files.shown(BAKE_TEMPLATE)
    except FileError as error:
        place = Location(path=files.shown(BAKE_TEMPLATE), line=0)
        raise CompileError([error.at(place)]) from None
    except UnicodeDecodeError:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.NOT_UTF_8,
                    message="the file is not UTF-8",
                    location=Location(path=files.shown(BAKE_TEMPLATE), line=0),
                    help="save it as UTF-8",
                )
            ]
        ) from None
