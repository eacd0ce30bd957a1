"""Run the phases of the compiler: from the project's folder to artifacts. Writes nothing."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.codes import Code
from compiler.constants import BAKE_TEMPLATE, LOCK, MAX_VARIANTS
from compiler.errors import CompileError, Diagnostic, Location, Problems, allow_hints
from compiler.matrix.load import load_valid
from compiler.matrix.matrix import Matrix
from compiler.output.artifact import Compilation
from compiler.source.document import LIMIT, Source
from compiler.source.file_system import DISK, FileSystem
from compiler.source.project_files import NEAR, FileError, Files
from compiler.targets.expand import Variant, expand
from compiler.targets.plan import Plan, plan
from compiler.targets.resolve import resolve


if TYPE_CHECKING:
    from compiler.render.render import Dockerfile
    from compiler.render.templates import Templates


def plan_matrix(files: Files, name: str, *, limit: int = MAX_VARIANTS) -> Plan:
    """Read a matrix and plan its targets and groups, without rendering a Dockerfile.

    Args:
        files: the project's files.
        name: the matrix file's name among them.
        limit: the maximum number of variants.

    Raises:
        CompileError: with every diagnostic of the matrix.
    """
    planned = plan_valid(files, name, limit=limit)
    if planned.errors:
        raise CompileError(planned.errors)
    return planned


def plan_valid(files: Files, name: str, *, limit: int = MAX_VARIANTS) -> Plan:
    """Plan the valid part of a matrix; the `errors` of the plan describe the invalid part.

    An image or a target with an error is left out if its Dockerfile could depend on that error.

    Args:
        files: the project's files.
        name: the matrix file's name among them.
        limit: the maximum number of variants.

    Raises:
        CompileError: the matrix cannot be read, or has too many variants.
    """
    allow_hints()
    try:
        source = Source.parse(files.read(name, limit=LIMIT), files.shown(name))
    except FileError as error:
        if error.code is Code.MISSING_FILE and error.help == NEAR:
            error.help = "`compile-matrix init` writes a sample; `-f FILE` names another matrix"
        elif error.code is Code.OUTSIDE_PROJECT:
            error.message = f"{files.shown(name)} is a link to a file in another folder"
            error.help = "name that file with `-f FILE`: templates are next to it; or copy it"
        raise CompileError([error.at(Location(path=files.shown(name), line=0))]) from None
    matrix = load_valid(source, files)
    problems = _problems(files, name, matrix)
    problems.extend(matrix.errors)
    matrix, variants = expand(matrix, problems, limit)
    targets = resolve(matrix, variants, files, problems)
    missing: Collection[Variant] = ()
    if len(targets) < len(variants):
        existing = {(target.image, target.values) for target in targets}
        missing = [
            variant for variant in variants if (variant.image.name, variant.values) not in existing
        ]
    return plan(matrix, targets, problems, missing)


def _problems(files: Files, name: str, matrix: Matrix) -> Problems:
    """Return a collector of errors, those of matrix.yaml and its parts first."""
    return Problems(map(files.shown, (name, *matrix.parts)))


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
        CompileError: with every diagnostic of all phases.
    """
    files = Files(path.parent, shown, disk)
    planned = plan_valid(files, path.name, limit=limit)
    return compile_plan(planned, files, path.name, locked=locked)


def compile_plan(planned: Plan, files: Files, name: str, *, locked: bool = False) -> Compilation:
    """Compile a plan.

    Args:
        planned: the plan of a matrix; of its valid part, if it has errors.
        files: the project's files, from which the matrix was read.
        name: the matrix file's name among them.
        locked: whether to warn about images that are not locked even without a matrix.lock.

    Raises:
        CompileError: with the errors of the plan, and every diagnostic of the later phases.
    """
    from compiler.output.bake_template import read_bake_template
    from compiler.output.emit import emit
    from compiler.render.dockerfile_checks import check_dockerfiles
    from compiler.render.lint import lint
    from compiler.render.render import render
    from compiler.render.templates import Templates

    templates = Templates(files)
    problems = _problems(files, name, planned.matrix)
    problems.extend(planned.errors)
    dockerfiles = render(planned.matrix, planned.targets, templates, problems)
    checked = check_dockerfiles(planned, dockerfiles, templates, files, problems)
    bake_template = read_bake_template(files, problems)
    if problems:
        _check_lock(planned, dockerfiles, templates, files, problems)
        problems.refuse()
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
        globs=dict(files.matches),
    )


def _check_lock(
    planned: Plan,
    dockerfiles: "tuple[Dockerfile, ...]",
    templates: "Templates",
    files: Files,
    problems: Problems,
) -> None:
    """Check matrix.lock, also against valid Dockerfiles."""
    from compiler.lock.apply import load_lock, pinned
    from compiler.lock.lockfile import Lock

    invalid = problems.targets() | planned.unsound
    sound = tuple(dockerfile for dockerfile in dockerfiles if dockerfile.target.name not in invalid)
    try:
        lock = load_lock(files)
        if lock or planned.matrix.lock.policy:
            pinned(planned, sound, lock or Lock(), templates)
    except CompileError as error:
        problems.extend(error.diagnostics)
