"""Read a GitHub Actions workflow as given targets: the steps with docker/build-push-action.

Each such step is a family, and each combination of its job's matrix a target. What is only known
when the workflow runs, such as the outputs of other steps, is left out and listed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from posixpath import normpath
from typing import Any

from compiler.external.addresses import is_folder
from compiler.external.json_object import as_object
from compiler.output.bake_fields import normal
from compiler.output.definition import Definition
from compiler.reports.adopt.build_inputs import read_inputs
from compiler.reports.adopt.model import Given, GivenTarget, Leftover, variable_mark
from compiler.reports.adopt.values import axis_values, value_details
from compiler.reports.adopt.workflow_matrix import Combination, axis_keys, combinations
from compiler.reports.adopt.workflow_steps import is_build, why_not_read
from compiler.reports.adopt.workflow_strings import DEFAULT, Strings, UnknownValueError
from compiler.source.document import Source


_NUMBER = re.compile(r"[+-]?\d+\.\d*0\Z")
"""A number that GitHub prints without its last zeros."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def is_workflow(source: Source) -> bool:
    """Return whether a YAML file is a workflow of GitHub Actions."""
    return isinstance(source.data, dict) and isinstance(source.data.get("jobs"), dict)


def read_workflow(source: Source) -> Given:
    """Return what the build steps of a workflow declare."""
    reader = _Reader(source)
    for job, entry in as_object(source.data.get("jobs")).items():
        if isinstance(entry, dict):
            reader.read_job(str(job), entry)
    return reader.existing_build()


@dataclass(slots=True)
class _Reader:
    """Collects the targets of one workflow."""

    source: Source
    targets: list[GivenTarget] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """Variable -> its default."""

    def existing_build(self) -> Given:
        """Return everything that was read."""
        for name, default in self.variables.items():
            if name.startswith("GITHUB_") and default == DEFAULT:
                why = f"GitHub sets it; elsewhere it is '{DEFAULT}'"
                self._report(0, f"default of the variable '{name}'", why)
        names = tuple(self.variables)
        marks = {f"\0{name}\0": variable_mark(n) for n, name in enumerate(names)}
        defaults = {f"\0{name}\0": text for name, text in self.variables.items()}
        fields = {
            target.name: normal(_replaced(target.fields, defaults)) for target in self.targets
        }
        return Given(
            path=self.source.path,
            targets=tuple(
                GivenTarget(
                    name=target.name,
                    fields=_with_tags(_replaced(target.fields, marks)),
                    dockerfile=target.dockerfile,
                    line=target.line,
                    family=target.family,
                    values=target.values,
                    details=target.details,
                )
                for target in self.targets
            ),
            named=False,
            variables=dict(self.variables),
            marks=names,
            definitions=(({}, Definition(targets=fields)),),
            lines=self.lines,
            leftovers=tuple(self.leftovers),
        )

    def _report(self, line: int, what: str, why: str) -> None:
        self.leftovers.append(Leftover(path=self.source.path, line=line, what=what, why=why))

    def read_job(self, job: str, entry: Mapping[str, Any]) -> None:
        """Read the build steps of a job."""
        steps = entry.get("steps")
        numbered = list(enumerate(steps if isinstance(steps, list) else ()))
        builds = [n for n, step in numbered if is_build(step)]
        for n, step in numbered:
            if why := why_not_read(step):
                line = self.source.locate(("jobs", job, "steps", n)).line
                self._report(line, f"step {n + 1} of job '{job}'", why)
        if not builds:
            return
        rows = self._rows(job, entry)
        for n in builds if rows else ():
            name = _UNSAFE.sub("-", job) + (f"-{n + 1}" if len(builds) > 1 else "")
            self._read_step(name, job, n, entry, rows)

    def _rows(self, job: str, entry: Mapping[str, Any]) -> list[Combination]:
        """Return the combinations of a job's matrix; none if they are computed."""
        strategy = entry.get("strategy")
        route: tuple[Any, ...] = ("jobs", job, "strategy")
        matrix = strategy
        if isinstance(strategy, dict):
            route, matrix = (*route, "matrix"), strategy.get("matrix")
        if matrix is None:
            return [{}]
        why = "it is computed when the workflow runs"
        if isinstance(matrix, dict) and all(isinstance(values, list) for values in matrix.values()):
            entries = [*matrix.get("include", ()), *matrix.get("exclude", ())]
            if "${{" not in repr(matrix) and all(isinstance(entry, dict) for entry in entries):
                rows = combinations(self._as_github_reads(matrix, route))
                if rows:
                    return rows
                why = "it has too many combinations" if rows is None else "it is empty"
        self._report(self.source.locate(route, key=True).line, f"matrix of job '{job}'", why)
        return []

    def _as_github_reads(self, value: Any, route: tuple[Any, ...]) -> Any:
        """Return values with numbers as GitHub prints them: 3.10 without quotes is 3.1."""
        if isinstance(value, dict):
            return {key: self._as_github_reads(item, (*route, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._as_github_reads(item, (*route, n)) for n, item in enumerate(value)]
        if isinstance(value, str) and _NUMBER.match(value) and not self.source.node(route).style:
            read = value.rstrip("0").rstrip(".")
            line = self.source.locate(route).line
            self._report(line, f"value {value}", f"GitHub reads {read}; write it in quotes there")
            return read
        return value

    def _read_step(
        self, name: str, job: str, number: int, entry: Mapping[str, Any], rows: list[Combination]
    ) -> None:
        """Add the targets of a build step."""
        step = entry["steps"][number]
        route = ("jobs", job, "steps", number)
        line = self.lines[name] = self.source.locate(route).line
        matrix = as_object(as_object(entry.get("strategy")).get("matrix"))
        lists = [key for key in matrix if key not in {"include", "exclude"}]
        labels, details = _labels(rows, axis_keys(rows, lists) if len(rows) > 1 else lists)
        strings = Strings(_environment(self.source.data, entry, step), self.variables)
        parameters = as_object(step.get("with"))
        inputs = {str(key).lower(): value for key, value in parameters.items()}
        where = {
            str(key).lower(): self.source.locate((*route, "with", key)).line for key in parameters
        }
        for n, row in enumerate(rows):
            try:
                fields, unread = read_inputs(inputs, partial(strings.evaluate, matrix=row))
                dockerfile = _dockerfile(inputs, strings, row)
            except UnknownValueError as error:
                self._report(line, f"build step of job '{job}'", f"only known at run time: {error}")
                return
            for key, why in unread.items():
                known = Leftover(
                    path=self.source.path, line=where[key], what=f"input '{key}'", why=why
                )
                if known not in self.leftovers:
                    self.leftovers.append(known)
            if not is_folder(str(fields["context"])):
                self._report(line, f"build step of job '{job}'", "its context is remote")
                return
            self.targets.append(
                GivenTarget(
                    name=f"{name}-{n}" if len(rows) > 1 else name,
                    fields=fields,
                    dockerfile=dockerfile,
                    line=line,
                    family=name if labels[n] else "",
                    values=labels[n],
                    details=details[n],
                )
            )
        if "context" not in inputs:
            why = "without it, the action builds from Git; the matrix builds from the folder"
            self._report(line, f"input 'context' of job '{job}'", why)


def _environment(*levels: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of `env` that are plain text, of the workflow, the job and the step."""
    environment: dict[str, str] = {}
    for level in levels:
        for name, value in as_object(level.get("env")).items():
            environment.pop(str(name), None)
            if isinstance(value, str) and "${{" not in value:
                environment[str(name)] = value
    return environment


def _dockerfile(inputs: Mapping[str, Any], strings: Strings, row: Combination) -> str:
    """Return the path of the Dockerfile; `file` is relative to the repository, not the context.

    Raises:
        UnknownValueError: it is only known when the workflow runs, or depends on a variable.
    """
    context = strings.evaluate(str(inputs.get("context") or "."), row)
    path = strings.evaluate(str(inputs.get("file") or ""), row) or f"{context}/Dockerfile"
    if "\0" in path:
        raise UnknownValueError(path.replace("\0", ""))
    return normpath(path)


def _labels(
    rows: Sequence[Combination], axes: Sequence[str]
) -> tuple[list[dict[str, str]], list[dict[str, dict[str, str]]]]:
    """Return for each combination the values of its axes, and what these consist of."""
    labels: list[dict[str, str]] = [{} for _ in rows]
    details: list[dict[str, dict[str, str]]] = [{} for _ in rows]
    for axis in axes:
        values: dict[str, Any] = {repr(row[axis]): row[axis] for row in rows if axis in row}
        present = {key: value for key, value in values.items() if value is not None}
        written = dict(zip(present, axis_values(axis, list(present.values())), strict=True))
        for n, row in enumerate(rows):
            labels[n][axis] = written.get(repr(row.get(axis)), "null")
            details[n][axis] = value_details(row.get(axis))
    return labels, details


def _replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """Return a value in which texts are replaced."""
    if isinstance(value, str):
        for old, new in texts.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, Mapping):
        return {_replaced(key, texts): _replaced(item, texts) for key, item in value.items()}
    return [_replaced(item, texts) for item in value] if isinstance(value, list) else value


def _with_tags(fields: Mapping[str, Any]) -> Any:
    """Return normalised fields with the tags as written."""
    tags = {"tags": tuple(dict.fromkeys(fields["tags"]))} if fields.get("tags") else {}
    return {**normal(fields), **tags}
