"""Read a document as a `Matrix`: check keys, names, rules and strings, and merge `defaults`.

Takes a `Source` and the project's files. Promises that every string is compiled and that every
name in a rule exists. Reports all errors of the document at once, each with its location.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from compiler.codes import Code
from compiler.constants import BAKE_FILE, BAKE_TEMPLATE, LOCK
from compiler.errors import CompileError, Location, nearest
from compiler.matrix.axes import read_axes
from compiler.matrix.build_fields import read_overrides
from compiler.matrix.certainty import certain_images, check_printed_text
from compiler.matrix.images import TopLevel, read_images
from compiler.matrix.lock import read_lock_settings
from compiler.matrix.matrix import (
    Axis,
    Image,
    Matrix,
    Pattern,
    Setting,
    all_settings,
)
from compiler.matrix.model import MatrixFile, PartFile, keys
from compiler.matrix.model import Pattern as RawPattern
from compiler.matrix.names import TARGET, why_not_readable
from compiler.matrix.parts import include_parts
from compiler.matrix.pattern import read_pattern
from compiler.matrix.publish import read_publish
from compiler.matrix.reader import Reader
from compiler.matrix.structures import supply_structures
from compiler.matrix.unknown import UNKNOWN
from compiler.matrix.variables import read_variables
from compiler.source.document import Route, Source
from compiler.source.positions import SourceText
from compiler.source.project_files import FileError, Files
from compiler.source.supplied import DataFile


_OUTPUT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*\Z")
_FILES = frozenset({BAKE_FILE, BAKE_TEMPLATE, LOCK})
"""Names in the folder of matrix.yaml that belong to files."""


def load(source: Source, files: Files) -> Matrix:
    """Read a matrix.

    Raises:
        CompileError: with every diagnostic of the document.
    """
    matrix = load_valid(source, files)
    if matrix.errors:
        raise CompileError(matrix.errors)
    return matrix


def load_valid(source: Source, files: Files) -> Matrix:
    """Read the valid part of a matrix; its `errors` describe the invalid part, in the file's order.

    An image is left out if an error may change its variants, so that expanding and resolving the
    other images reports nothing that follows from these errors.
    """
    parts = include_parts(source, files)
    reader = Reader(parts.source, files)
    if parts.errors:
        reader.reject(CompileError(parts.errors), ("include",))
    data_files = _data(files, reader)
    data = {name: file.value for name, file in data_files.items()}
    supply_structures(data, tuple(data_files.values()), reader)
    top = reader.valid.level(MatrixFile)
    variables = read_variables(top.variables, data, reader)
    axes = read_axes(top.axes, top.images, reader)

    def level(options: PartFile, route: Route) -> TopLevel:
        return TopLevel(
            exclude=tuple(
                read_pattern(
                    row, (*route, "exclude", n), axes=axes, images=top.images, reader=reader
                )
                for n, row in enumerate(options.exclude)
            ),
            overrides=read_overrides(
                options.overrides,
                (*route, "overrides"),
                axes=axes,
                images=top.images,
                reader=reader,
            ),
            settings=reader.settings(options.set, (*route, "set")),
            defaults=options.defaults,
            route=route,
        )

    images = read_images(
        top.images,
        level(top, ()),
        tuple(level(part, ("include", n)) for n, part in enumerate(top.include)),
        owners=parts.owners,
        axes=axes,
        reader=reader,
    )
    groups = _groups(top.groups, axes, images, reader)
    published = read_publish(
        top.publish, data, variables, axes=axes, images=top.images, files=files, reader=reader
    )
    _check_names(data, axes, all_settings(axes, images), reader)
    _check_output(top.output, reader)
    certain = certain_images(images, variables, reader) if reader.problems else images
    if reader.problems:
        groups = {name: row for name, row in groups.items() if reader.is_sound(("groups", name))}
    for image in images.values():
        if image.name not in certain:
            check_printed_text(image, variables, reader)
    unknown = dict.fromkeys(data.keys() & reader.broken, UNKNOWN)
    return Matrix(
        source=reader.source,
        data={**data, **unknown},
        variables=variables,
        axes=axes,
        images=certain,
        groups=groups,
        output=top.output,
        parts=parts.paths,
        lock=read_lock_settings(top.lock, data, variables, files=files, reader=reader),
        version=published.version,
        staging=published.staging,
        checks=published.checks,
        size_limits=published.size_limits,
        signer=published.signer,
        keep=published.keep,
        read=frozenset(reader.read),
        warnings=reader.warnings.diagnostics(),
        late_warnings=reader.late_warnings,
        errors=reader.problems.diagnostics(),
        left_out=frozenset(top.images.keys() - certain.keys()),
    )


def _data(files: Files, reader: Reader) -> dict[str, DataFile]:
    """Read the files of `data`, which is not validated yet.

    A file that cannot be read counts as an empty mapping.
    """
    files_by_name: dict[str, DataFile] = {}
    raw = reader.source.data.get("data")
    if not raw:
        return files_by_name
    from compiler.source.data_files import load_data

    names = [key for key in reader.source.data if key not in keys(MatrixFile)]
    reader.data_is_unknown = not isinstance(raw, dict) or any(
        isinstance(key, str) and nearest(key, keys(MatrixFile)) == "data" for key in names
    )
    for name, path in raw.items() if isinstance(raw, dict) else ():
        if not isinstance(name, str):
            continue
        files_by_name[name] = DataFile({}, SourceText("", ""), lambda _: None)
        route = ("data", name)
        if not isinstance(path, str | bool):
            reader.broken.add(name)
            continue
        path = path if isinstance(path, str) else str(path).lower()  # noqa: PLW2901
        try:
            files_by_name[name] = load_data(path, files.read(path), files.shown(path))
        except FileError as error:
            reader.broken.add(name)
            reader.reject(CompileError([error.at(reader.source.locate(route))]), route)
        except CompileError as error:
            reader.broken.add(name)
            named = (("named here", reader.source.locate(route)),)
            diagnostics = (
                replace(diagnostic, related=named)
                if isinstance(diagnostic.location, Location) and not diagnostic.location.line
                else diagnostic
                for diagnostic in error.diagnostics
            )
            reader.reject(CompileError(diagnostics), route)
    return files_by_name


def _groups(
    raw: Mapping[str, RawPattern],
    axes: Mapping[str, Axis],
    images: Mapping[str, Image],
    reader: Reader,
) -> dict[str, Pattern]:
    for name in raw:
        help_ = "use letters, digits, `-` and `_`, and begin with a letter or digit"
        if name in ("default", "test"):
            help_ = f"choose another name: every bake file has its own group `{name}`"
        elif TARGET.match(name) and not name.startswith("_"):
            continue
        quality = "reserved" if TARGET.match(name) else "invalid"
        message = f"{quality} name for a group: {name!r}"
        reader.problem(Code.BAD_GROUP_NAME, message, ("groups", name), help_, key=True)
    return {
        name: read_pattern(row, ("groups", name), axes=axes, images=images, reader=reader)
        for name, row in raw.items()
    }


def _check_names(
    data: Iterable[str], axes: Iterable[str], settings: Iterable[Setting], reader: Reader
) -> None:
    """Report names that templates cannot use, and names that hide other names."""
    owners: dict[str, tuple[str, Route]] = {}
    named = [
        *(("data name", name, ("data", name)) for name in data),
        *(("axis", name, ("axes", name)) for name in axes),
        *(("set name", setting.name, setting.route) for setting in settings),
    ]
    for kind, name, route in named:
        fault = why_not_readable(name, kind)
        if fault is not None:
            code, message, help_ = fault
            reader.problem(code, message, route, help_, key=True)
            continue
        other, first = owners.setdefault(name, (kind, route))
        if other != kind:
            reader.problem(
                Code.NAME_HIDDEN,
                f"{kind} {name!r} hides the {other} of the same name",
                route,
                "rename one of them",
                key=True,
                related=((f"the {other}", reader.source.locate(first, key=True)),),
            )


def _check_output(folder: str, reader: Reader) -> None:
    """Report an output folder with an invalid name, or with that of a file."""
    help_ = "name a folder below matrix.yaml; use letters, digits, `.`, `_`, `-`, separated by `/`"
    top = folder.partition("/")[0]
    if top in _FILES:
        help_ = f"choose another name: compile-matrix needs {top} as a file"
    elif _OUTPUT.match(folder):
        return
    message = f"invalid folder for the generated Dockerfiles: {folder!r}"
    reader.problem(Code.BAD_PATH, message, ("output",), help_)
