"""The checks of `publish.checks`: what runs, what is remembered, and what prevents a release."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry
from support.pushed_images import push_built
from support.releases import plan_of, request_of

from compiler.bake.results import BakeOptions, Outcome
from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.registry import artifacts
from compiler.publish import check_process, check_results
from compiler.publish.changed_since import changes_since
from compiler.publish.publish import publish
from compiler.publish.request import PublishRequest
from compiler.publish.result import PublishResult
from compiler.publish.unchecked import find_unchecked
from compiler.publish.unchecked_output import UncheckedFormat, format_unchecked
from compiler.releases.registry_record import pull_record


REPOSITORY = f"{HOST}/acme/a"
MATRIX = """\
variables: {{V: "1"}}
axes: {{n: {{1: {{}}, 2: {{}}}}}}
images:
  a:
    template: a.j2
    platforms: [linux/amd64]
    tags: ["{repository}:{{{{ n }}}}-${{V}}"]
publish:
  version: "${{V}}"
  checks:
{checks}
"""
RUN = 'echo "$TARGET" >>'
"""Counts the runs of a check: followed by the name of a file."""


@dataclass
class Project:
    """A project folder and a registry, in which images are staged without a build."""

    folder: Path
    model: ModelRegistry = field(default_factory=ModelRegistry)
    lines: list[str] = field(default_factory=list)
    """The progress of the last run."""
    states: list[str] = field(default_factory=list)
    """The states that its targets reached."""
    fingerprints: dict[str, str] = field(default_factory=dict)
    """Target -> its fingerprint, of those that differ from the default."""

    def __getattr__(self, name: str) -> Any:
        """Ignore all other progress."""
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None

    def say(self, text: str) -> None:
        """Receive a line of progress."""
        self.lines.append(text)

    def reached(self, state: str, targets: Collection[str], *, known: bool = False) -> None:
        """Receive the targets that have reached a state."""
        mark = "before" if known else "now"
        self.states += [f"{state} {target} {mark}" for target in targets]

    def request(self, text: str, version: str = "1", **changes: Any) -> PublishRequest:
        """Return the request to publish both targets with these checks, as YAML."""
        indented = "".join(f"    {line}\n" for line in text.splitlines())
        matrix = MATRIX.format(repository=REPOSITORY, checks=indented)
        request = request_of(
            plan_of(matrix),
            version,
            lambda name: self.fingerprints.get(name, f"{ord(name[-1]):064x}"),
        )
        return replace(request, options=BakeOptions(folder=self.folder), **changes)

    def publish(self, text: str, version: str = "1", **changes: Any) -> PublishResult:
        """Publish, which must succeed."""
        self.lines.clear()
        self.states.clear()
        registries = ModelRegistries(self.model)
        return publish(self.request(text, version, **changes), registries, self)

    def failure(self, text: str, **changes: Any) -> DiagnosticError:
        """Publish, which must fail with an error for the user, without a tag."""
        with pytest.raises(DiagnosticError) as raised:
            self.publish(text, **changes)
        assert [tag for tag in self.tags if tag[0].isdigit()] == []
        return raised.value

    @property
    def tags(self) -> list[str]:
        """The names of all tags."""
        return sorted(self.model.repository(REPOSITORY).tags)

    def ran(self, name: str) -> list[str]:
        """Return the targets for which a command has added a line to a file."""
        path = self.folder / name
        return sorted(path.read_text().split()) if path.exists() else []


def build(model: ModelRegistry, targets: Mapping[str, Any], options: BakeOptions) -> Outcome:
    """Push images as bake does."""
    built = {
        name: {"containerimage.digest": push_built(ModelRegistries(model), overrides, name)}
        for name in targets
        if (overrides := options.overrides[name])
    }
    if options.pushed is not None:
        options.pushed({name: one["containerimage.digest"] for name, one in built.items()})
    return Outcome(built=built, failed={}, skipped={}, seconds=dict.fromkeys(built, 1.0))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Provide an empty project and an empty registry."""
    found = Project(tmp_path)
    monkeypatch.setattr(
        "compiler.publish.build_missing.build",
        lambda _plan, targets, options, _report: build(found.model, targets, options),
    )
    return found


def results(project: Project, version: str = "1") -> dict[str, list[dict[str, str]]]:
    """Return the checks in the record of a release."""
    record = pull_record(ModelRegistries(project.model), REPOSITORY, version)
    assert record is not None
    return {target.target: [one.to_json() for one in target.checks] for target in record.targets}


def test_the_environment_of_a_check(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the image; variables with credentials are not passed on."""
    secrets = ("COSIGN_PASSWORD", "DOCKER_AUTH_CONFIG", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN")
    for name in (*secrets, "AXIS_OTHER", "OTHER"):
        monkeypatch.setenv(name, "{}")

    result = project.publish('scan: {run: "pwd; env; echo end", when: {n: 1}}')

    log = (project.folder / ".compile-matrix/logs/a-1.scan.log").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in log if "=" in line)
    assert (log[0], log[-1]) == (str(project.folder), "end")
    assert {name: variables.get(name) for name in ("TARGET", "PLATFORMS", "VERSION", "AXIS_N")} == {
        "TARGET": "a-1",
        "PLATFORMS": "linux/amd64",
        "VERSION": "1",
        "AXIS_N": "1",
    }
    assert variables["IMAGE"] == f"{REPOSITORY}@{result.targets[0].record.digest}"
    assert variables["FINGERPRINT"] == result.targets[0].record.fingerprint
    assert "OTHER" in variables
    assert variables.keys().isdisjoint([*secrets, "AXIS_OTHER"])
    assert not (project.folder / ".compile-matrix/logs/a-2.scan.log").exists()


def test_a_passed_check_is_not_repeated(project: Project) -> None:
    """Neither for the same version nor the next: only if command, input or image differ."""
    (project.folder / "pyproject.toml").write_text("one")
    scan = f"scan: {{run: '{RUN} scan', inputs: [pyproject.toml]}}"

    project.publish(scan)
    project.publish(scan)
    project.publish(scan, "2")

    assert project.ran("scan") == ["a-1", "a-2"]
    passed = [{"check": "scan", "result": "passed"}]
    assert results(project, "2") == {"a-1": passed, "a-2": passed}
    assert len([tag for tag in project.tags if tag.startswith("check-")]) == 2
    project.publish(scan.replace("$TARGET", "$TARGET "), "3")
    (project.folder / "pyproject.toml").write_text("two")
    project.publish(scan, "4")
    assert project.ran("scan") == ["a-1"] * 3 + ["a-2"] * 3


def test_the_states_of_targets(project: Project) -> None:
    """Each is reported once; those of an earlier run are marked."""
    scan = f"scan: {{run: '{RUN} scan', when: {{n: 1}}}}"

    project.publish(scan)
    first = list(project.states)
    project.publish(f"{scan}\nother: 'true'")

    assert first == [
        *("staged a-1 now", "staged a-2 now"),
        "checked a-1 now",
        *("promoted a-1 now", "promoted a-2 now"),
    ]
    assert project.states == [
        *("staged a-1 before", "staged a-2 before"),
        *("checked a-1 now", "checked a-2 now"),
        *("promoted a-1 before", "promoted a-2 before"),
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("run: 'echo first; echo why; exit 3'", "exit code 3: why"),
        ("run: exit 77", "exit code 77"),
        ("run: kill -9 $$", "killed by signal 9"),
        ("run: 'sleep 60 & wait', timeout: 1s", "it did not end within 1 s"),
        ("run: no-such-program-1", "exit code 127: "),
        ("run: 'exit 77', skip: allowed, when: {n: 2}", None),
    ],
)
def test_a_check_that_fails(options: str, reason: str | None, project: Project) -> None:
    """No tag is created; what passed is kept."""
    checks = f"other: {RUN} other\nscan: {{{options}}}"
    if reason is None:
        project.publish(checks)
        assert results(project)["a-2"][-1] == {"check": "scan", "result": "skipped"}
        return

    error = project.failure(checks)

    assert {one.code for one in error.diagnostics} == {Code.FAILED_CHECK}
    assert f"a-1: the check scan failed: {reason}" in str(error)
    assert f"a-2: the check scan failed: {reason}" in str(error)
    assert error.outcome.startswith("no tag was created")
    project.publish(f"other: {RUN} other\nscan: 'true'")
    assert project.ran("other") == ["a-1", "a-2"]


def is_running(process: str) -> bool:
    """Return whether a process exists that has not ended."""
    try:
        return ") Z " not in Path("/proc", process, "stat").read_text()
    except FileNotFoundError:
        return False


def test_processes_in_the_background_end_with_the_check(project: Project) -> None:
    """They neither keep the run waiting nor survive it."""
    start = time.monotonic()

    project.publish("scan: 'sleep 60 & echo $! >> children'")

    assert time.monotonic() - start < 10
    deadline = time.monotonic() + 10
    while any(map(is_running, project.ran("children"))):  # a signal takes a moment to arrive
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_order_of_checks(project: Project) -> None:
    """A check runs after those that it needs, and not if one of them failed for the same image."""
    gpu = f"gpu: {{run: 'test -e scan-$TARGET && {RUN} gpu', needs: [scan]}}"
    project.publish(f"{gpu}\nscan: {{run: 'sleep 0.2; touch scan-$TARGET', jobs: 1}}")
    assert project.ran("gpu") == ["a-1", "a-2"]

    other = Project(project.folder / "other")
    other.folder.mkdir()
    project.model = other.model
    error = project.failure(f"{gpu}\nscan: 'test $TARGET = a-1'")

    assert str(error).count("the check scan failed") == 1
    assert "a-2: the check gpu did not run: it needs the check scan, which failed" in str(error)
    assert project.ran("gpu") == ["a-1", "a-1", "a-2"]


def test_checks_on_another_machine(project: Project) -> None:
    """`--stage-only` runs none, `--checks` only those named; the release repeats none of them."""
    checks = f"scan: {RUN} scan\ngpu: {{run: '{RUN} gpu', when: {{n: 2}}, needs: [scan]}}"

    error = project.failure(checks, checks=("gpu",))
    assert "a-1: it is not staged" in str(error)
    project.publish(checks, stage_only=True)
    assert project.ran("scan") == project.ran("gpu") == []
    error = project.failure(checks, checks=("gpu",))
    assert "it needs the check scan, which has not passed" in str(error)
    project.publish(checks, checks=("scan",))
    result = project.publish(checks, checks=("gpu",))

    assert (project.ran("scan"), project.ran("gpu")) == (["a-1", "a-2"], ["a-2"])
    assert result.record is None
    assert [tag for tag in project.tags if tag[0].isdigit()] == []
    project.publish(checks)
    assert (project.ran("scan"), project.ran("gpu")) == (["a-1", "a-2"], ["a-2"])
    assert [one["check"] for one in results(project)["a-2"]] == ["scan", "gpu"]


def test_the_staged_images_that_lack_a_check(project: Project) -> None:
    """Each format lists the checks that an image has not passed; nothing is written."""
    checks = "scan: 'true'\ngpu: {run: 'true', when: {n: 2}}"

    def staged(output_format: UncheckedFormat, *names: str) -> tuple[str, int]:
        request = project.request(checks, stage_only=True, checks=names)
        found = find_unchecked(request, ModelRegistries(project.model), project)
        return format_unchecked(found.images, output_format), found.unready

    assert staged(UncheckedFormat.TABLE) == ("", 2)
    project.publish(checks, stage_only=True)
    project.publish(checks, checks=("scan",))
    tags = project.tags
    text, unready = staged(UncheckedFormat.JSON)
    (image,) = json.loads(text)
    reference = f"{REPOSITORY}@{image.pop('reference').rpartition('@')[2]}"
    assert unready == 0
    assert image == {
        "target": "a-2",
        "image": "a",
        "axes": {"n": "2"},
        "pending": ["gpu"],
        "passed": ["scan"],
    }
    assert json.loads(staged(UncheckedFormat.GITHUB)[0]) == {
        "include": [
            {"target": "a-2", "image": "a", "n": "2", "check": "gpu", "reference": reference}
        ]
    }
    assert "a-2" in staged(UncheckedFormat.SELECTION)[0]
    assert staged(UncheckedFormat.TABLE)[0].split()[:7] == (
        ["TARGET", "PENDING", "PASSED", "IMAGE", "a-2", "gpu", "scan"]
    )
    assert staged(UncheckedFormat.TABLE, "scan") == ("", 0)
    assert project.tags == tags


def test_an_unknown_check(project: Project) -> None:
    """The nearest name is shown."""
    error = project.failure("scan: 'true'", checks=("scann",))

    assert [one.help for one in error.diagnostics] == ["did you mean 'scan'?"]


def test_a_failure_that_is_accepted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exception applies to its images until its date; the record lists it."""
    monkeypatch.setattr(check_results, "_today", lambda: datetime(2026, 12, 31, tzinfo=UTC).date())
    accept = "accept: [{when: {n: 2}, reason: no fix yet, until: 2026-12-31}]"
    checks = f"scan: {{run: 'test $TARGET = a-1', {accept}}}\ngpu: {{run: 'true', needs: [scan]}}"

    project.publish(checks)

    accepted = {"result": "accepted", "reason": "no fix yet", "until": "2026-12-31"}
    assert results(project)["a-2"] == [
        {"check": "scan", **accepted},
        {"check": "gpu", "result": "passed"},
    ]
    project.model = ModelRegistry()
    monkeypatch.setattr(check_results, "_today", lambda: datetime(2027, 1, 1, tzinfo=UTC).date())
    assert "exit code 1; its exception ended on 2026-12-31" in str(project.failure(checks))


def test_marks_that_do_not_count(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too old, from the future, of another image, or an image with its tag."""
    scan = f"scan: {{run: '{RUN} scan', valid: 24h, when: {{n: 1}}}}"
    project.publish(scan)
    now = datetime.now(UTC)

    def run_at(hours: int) -> int:
        before = len(project.ran("scan"))
        monkeypatch.setattr(artifacts, "utc_now", lambda: now + timedelta(hours=hours))
        project.publish(scan)
        return len(project.ran("scan")) - before

    assert [run_at(hours) for hours in (23, 25, 1, 25)] == [0, 1, 1, 1]
    store = project.model.repository(REPOSITORY)
    (mark,) = [tag for tag in store.tags if tag.startswith("check-")]
    store.set_tag(mark, store.tags["1-1"])
    assert run_at(25) == 1


def test_inputs_that_change_during_a_check(project: Project) -> None:
    """The old content was checked, so that nothing is remembered of the new one."""
    (project.folder / "pyproject.toml").write_text("one")

    error = project.failure("scan: {run: 'echo >> pyproject.toml', inputs: [pyproject.toml]}")

    assert "one of its `inputs` changed while it ran" in str(error)
    assert [tag for tag in project.tags if tag.startswith("check-")] == []


def test_an_interrupt(project: Project) -> None:
    """All commands are stopped; a check that passed before is not repeated."""
    checks = f"scan: {RUN} scan\nslow: {{run: 'echo $$ >> pids; sleep 60', needs: [scan]}}"

    def interrupt() -> None:
        while len(project.ran("pids")) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        project.publish(checks)

    for pid in project.ran("pids"):
        assert not Path("/proc", pid).exists() or "Z" in Path("/proc", pid, "stat").read_text()
    project.publish(f"scan: {RUN} scan")
    assert project.ran("scan") == ["a-1", "a-2"]


def test_the_number_of_runs_at_a_time(project: Project) -> None:
    """`jobs` limits the runs of one check."""
    run = "mkdir running && sleep 0.1 && rmdir running"

    project.publish(f"scan: {{run: '{run}', jobs: 1}}")

    assert "running" not in os.listdir(project.folder)


def test_a_check_without_output_has_a_log(project: Project) -> None:
    """Messages refer to it."""
    project.publish("scan: 'true'")

    assert (project.folder / ".compile-matrix/logs/a-1.scan.log").read_bytes() == b""


def test_a_log_has_a_limit(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless output does not fill the disk."""
    monkeypatch.setattr(check_process, "MAX_LOG", 1000)

    project.publish("scan: {run: 'head -c 100000 /dev/zero | tr \"\\0\" x', when: {n: 1}}")

    log = (project.folder / ".compile-matrix/logs/a-1.scan.log").read_text()
    assert log == "x" * 1000 + "\n(the rest of the output is left out)\n"


def test_what_a_release_changed(project: Project) -> None:
    """The first release has nothing to compare with; a repeated one is compared again."""
    first = project.publish("scan: 'true'")
    project.fingerprints["a-2"] = "9" * 64

    second = project.publish("scan: 'true'", "2")

    assert list(changes_since(first)) == []
    assert list(changes_since(second)) == [
        "since 1: 0 added, 1 changed, 1 unchanged",
        "  a-2: other inputs changed",
    ]
