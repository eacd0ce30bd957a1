"""The workflows of this repository, and those that docs/ci.md shows: checked, and run line by line.

The checkout is a scratch repository with the sample, whose origin is on disk. Steps that need
something that only a runner has are in `EXCLUDED`; a test checks that each entry really needs it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import markdown
from support.loopback import serving
from support.workflow import EXPRESSION, Runner, Step, actionlint, git, jobs, shellcheck, steps

from compiler.cli.main import cli


pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
WORKFLOWS = {
    path.name: path.read_text(encoding="utf-8")
    for path in sorted((PROJECT / ".github/workflows").glob("*.yml"))
}
WORKFLOW = WORKFLOWS["images.yml"]
PAGE = (PROJECT / "docs/ci.md").read_text(encoding="utf-8")
HIDDEN_PATH = ".gitlab/image.yml"
SHOWN, PIPELINE, HIDDEN = (
    next(block.text for block in markdown.blocks(PAGE) if block.path == path)
    for path in (".github/workflows/pull-request.yml", ".gitlab-ci.yml", HIDDEN_PATH)
)
"""The files that the page shows: a workflow for GitHub, a pipeline for GitLab, its hidden job."""

COMPILE = "Compile, if Git ignores generated files"
INSTALL = ("pip", "compile-matrix is installed from this clone")
ENGINE = ("docker", "there is no engine")
ACCOUNT = ("docker", "there is no account at a registry")
REGISTRY = ("", "the registry is empty")
EXCLUDED = {
    ("plan", "Install"): INSTALL,
    ("stage-1", "Install"): INSTALL,
    ("stage-1", "Build and test"): ENGINE,
    **{(job, "Install"): INSTALL for job in ("stage", "scan", "publish", "consumer")},
    **{(job, "Log in"): ACCOUNT for job in ("stage", "scan", "publish", "consumer")},
    ("stage", "Stage"): ENGINE,
    ("scan", "Scan"): REGISTRY,
    ("publish", "Publish"): ENGINE,
    ("publish", "Read the latest release"): REGISTRY,
    ("consumer", "Check out the repository of the variable CONSUMER"): ("gh", "there is no token"),
    ("consumer", "Write the images"): REGISTRY,
    ("consumer", "Open a pull request"): ("gh", "there is no GitHub"),
    ("lock", "Install"): INSTALL,
    ("lock", "Upgrade base images"): ("docker", "buildx queries registries"),
    ("lock", "Configure Git credentials"): ("gh", "there is no token"),
    ("lock", "Open a pull request"): ("gh", "there is no GitHub"),
}
"""Job and step -> the program that is missing here, or none, and why it cannot run."""
LOCK = """\
version: 1
bases:
  python:3.9-slim-bookworm:
    digest: sha256:{}
    platforms: [linux/amd64, linux/arm64]
"""
KNOWN = {
    "vars.REGISTRY": "docker.io/acme",
    "vars.CONSUMER": "acme/deployment",
    "secrets.REGISTRY_USER": "somebody",
    "secrets.REGISTRY_PASSWORD": "secret",
    "secrets.LOCK_TOKEN || github.token": "token",
    "secrets.CONSUMER_TOKEN": "token",
    "needs.stage.outputs.version": "v0.1.57",
    "needs.publish.outputs.version": "v0.1.57",
    "steps.grype.outputs.cmd": "/opt/grype/grype",
    "github.run_number": "57",
    "github.sha": "0" * 40,
    "github.server_url": "https://git.example.com",
    "github.repository": "acme/images",
    "github.ref_name": "main",
    "matrix.selection": '{"version": 1, "targets": ["server-3_9"]}',
    "join(needs.*.result, ' ')": "success skipped",
}


def of(job: str, text: str = WORKFLOW) -> list[Step]:
    """Return the steps of a job that run a script."""
    return [step for step in steps(text) if step.job == job]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Return a clone, whose origin is on disk, with the sample as the commit on main."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin")
    git(tmp_path, "clone", "--quiet", "origin", "clone")
    folder = tmp_path / "clone"
    for name in ("matrix.yaml", "pyproject.toml", "docker-bake.hcl.j2", ".gitignore"):
        shutil.copy(PROJECT / name, folder)
    shutil.copytree(PROJECT / "templates", folder / "templates")
    git(folder, "checkout", "--quiet", "-b", "main")
    commit(folder, "The sample")
    git(folder, "push", "--quiet", "--set-upstream", "origin", "main")
    return folder


@pytest.fixture
def runner(sample: Path, tmp_path: Path) -> Runner:
    """Return a machine that runs steps in the clone."""
    return Runner(sample, tmp_path / "runner")


def commit(folder: Path, message: str) -> str:
    """Commit all files; return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def add(file: Path, text: str) -> None:
    """Append text to a file."""
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def proposed(sample: Path, files: Mapping[str, str]) -> None:
    """Make the clone what a runner checks out for a pull request: the merge, with depth 2."""
    git(sample, "checkout", "--quiet", "-b", "feature")
    for name, text in files.items():
        add(sample / name, text)
    commit(sample, "A change")
    git(sample, "checkout", "--quiet", "main")
    commit(sample, "Meanwhile")
    git(sample, "merge", "--quiet", "--no-ff", "--message", "Merge", "feature")
    git(sample, "push", "--quiet", "origin", "HEAD:refs/pull/1/merge")
    origin = (sample.parent / "origin").as_uri()
    for path in [path for path in sample.iterdir() if path.name != ".git"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(sample / ".git")
    git(sample, "init", "--quiet")
    git(sample, "fetch", "--quiet", "--depth=2", origin, "refs/pull/1/merge")
    git(sample, "checkout", "--quiet", "FETCH_HEAD")


def planned(runner: Runner) -> Any:
    """Run the job `plan`; return its stages."""
    ran = runner.job(of("plan"), KNOWN, without=EXCLUDED)
    assert ran == ["Check generated files, or compile if Git ignores them", "Plan"]
    return json.loads(runner.outputs["steps.jobs.outputs.jobs"])["stages"]


# --- The files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_workflow_passes_actionlint(name: str, tmp_path: Path) -> None:
    """Check every workflow with actionlint, and that it finds a missing job."""
    text = WORKFLOWS[name]

    assert actionlint(text, tmp_path) == ""
    assert "needs" in actionlint(re.sub(r"needs: \[?", r"\g<0>no-", text), tmp_path)


def test_an_action_has_one_version() -> None:
    """Require the same version of an action in every workflow, and a version, not a branch."""
    used = {
        step["uses"]
        for text in [*WORKFLOWS.values(), SHOWN]
        for job in jobs(text).values()
        for step in job.get("steps", [])
        if "uses" in step
    }

    assert len({name.partition("@")[0] for name in used}) == len(used)
    assert all(re.fullmatch(r"[\w./-]+@v\d+(\.\d+){0,2}", name) for name in used)


@pytest.mark.parametrize("text", [WORKFLOW, SHOWN], ids=["images.yml", "docs/ci.md"])
def test_actionlint_passes(text: str, tmp_path: Path) -> None:
    """Check syntax, expressions, inputs of actions, and scripts (by shellcheck)."""
    assert actionlint(text, tmp_path) == ""
    if shellcheck():
        unquoted = text.replace('"$GITHUB_OUTPUT"', "$GITHUB_OUTPUT")
        assert "SC2086" in actionlint(unquoted, tmp_path)
    assert "needs" in actionlint(text.replace("needs: plan\n", "needs: plna\n"), tmp_path)


RIGHTS: dict[str, dict[str, dict[str, str]]] = {
    "images.yml": {"images": {}, "lock": {"contents": "write", "pull-requests": "write"}},
    "release.yml": {"publish": {"id-token": "write"}},
    "tests.yml": {"tests": {}},
    "docs/ci.md": {},
}
"""Workflow -> the permissions of its jobs that differ from reading."""


@pytest.mark.parametrize("name", RIGHTS)
def test_no_more_rights_than_needed(name: str) -> None:
    """Check permissions, that no credentials are kept, and that scripts contain no expressions."""
    text = {**WORKFLOWS, "docs/ci.md": SHOWN}[name]

    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    more = {
        job: whole["permissions"] for job, whole in jobs(text).items() if "permissions" in whole
    }
    assert more == RIGHTS[name]
    for job in jobs(text).values():
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            assert not EXPRESSION.search(step.get("run", "")), step["run"]
        assert job.get("strategy", {"fail-fast": False})["fail-fast"] is False


def test_time_limits_and_concurrency() -> None:
    """Check time limits, that releases run alone and are not cancelled, and who sees secrets."""
    found = jobs(WORKFLOW)
    whole = yaml.safe_load(WORKFLOW)

    pull, push = ["plan", "stage-1", "images"], ["stage", "scan", "publish", "consumer"]
    assert list(found) == [*pull, *push, "lock"]
    assert all(job["timeout-minutes"] <= 350 for job in found.values())
    for job in ("stage", "publish"):
        assert found[job]["concurrency"] == {
            "group": "images-publish",
            "cancel-in-progress": False,
            "queue": "max",
        }
    assert whole["concurrency"] == {
        "group": "images-${{ github.event.pull_request.number || github.run_id }}",
        "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
    }
    using = {step.job for step in steps(WORKFLOW) if "secrets." in str(step.env)}
    assert using == {*push, "lock"}
    assert {found[job]["environment"] for job in push} == {"release"}
    assert found["stage"]["if"] == "github.event_name == 'push'"
    assert [found[job]["needs"] for job in push[1:]] == ["stage", ["stage", "scan"], "publish"]


def test_a_job_for_each_stage() -> None:
    """Check that STAGE_JOBS is the number of stage jobs, and that each job has its own stage."""
    for text in (WORKFLOW, SHOWN):
        staged = {name: job for name, job in jobs(text).items() if name.startswith("stage-")}
        for n, job in enumerate(staged.values()):
            condition = f"fromJSON(needs.plan.outputs.jobs).stages[{n}]"
            assert job["if"] == condition
            assert EXPRESSION.fullmatch(job["strategy"]["matrix"])[1] == condition  # type: ignore[index]
        if text == WORKFLOW:
            (plan,) = [step for step in of("plan") if step.name == "Plan"]
            assert plan.env["STAGE_JOBS"] == str(len(staged))
            assert {"plan", *staged} == set(jobs(text)["images"]["needs"])
        else:
            assert f".stages[{len(staged)}]" in of("plan", SHOWN)[-1].condition


def test_commands_and_options_exist() -> None:
    """Check that every command of compile-matrix in a workflow exists, with its options."""
    scripts = [step.script for text in (WORKFLOW, SHOWN) for step in steps(text)]
    pipelines = [yaml.safe_load(text) for text in (PIPELINE, HIDDEN)]
    scripts += [
        line for found in pipelines for job in found.values() for line in script(job)
    ] + re.findall(r"`(compile-matrix [^`]*)`", PAGE)
    found = [
        words.split()
        for text in scripts
        for words in re.findall(r"\bcompile-matrix( [^|&>;)\n]*|$)", text)
    ]

    assert len(found) > 20
    for words in found:
        command: Any = cli
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        assert not words or command is not cli or words[0].startswith("--"), words
        known = {option for param in command.params for option in param.opts}
        assert {word for word in words if word.startswith("--")} <= known, words


# --- Running the workflow -------------------------------------------------------------------------


def test_a_pull_request(sample: Path, runner: Runner) -> None:
    """Check that changes relative to the target branch are planned, each shard with a selection."""
    proposed(sample, {"templates/training/requirements.txt": "idna\n"})

    (stage,) = planned(runner)

    targets = {name for entry in stage["include"] for name in entry["targets"]}
    assert len(targets) == 12
    assert all(name.startswith("training-") for name in targets)
    assert "templates/training/requirements.txt changed" in (runner.scratch / "summary").read_text()

    known = {**KNOWN, "matrix.selection": stage["include"][0]["selection"]}
    ran = runner.job(of("stage-1"), known, without=EXCLUDED)

    assert ran == [COMPILE, "Write the selection"]
    selection = json.loads((sample / "selection.json").read_text())
    assert selection["targets"] == stage["include"][0]["targets"]
    assert runner.job(of("images"), KNOWN) == ["Fail if a job failed"]


def test_a_pull_request_that_changes_no_image(sample: Path, runner: Runner) -> None:
    """Check that the plan has no stages, so that no stage job runs."""
    proposed(sample, {"pyproject.toml": "# a word\n"})

    assert planned(runner) == []


@pytest.mark.parametrize("result", ["failure", "cancelled"])
def test_a_pull_request_that_fails(result: str, runner: Runner) -> None:
    """Check that the required check fails if any job fails."""
    (step,) = of("images")

    assert runner.run(step, {"join(needs.*.result, ' ')": f"success {result}"}) == 1


def test_committed_files_are_checked(sample: Path, runner: Runner) -> None:
    """Check that stale generated files fail the job if they are committed."""
    (sample / ".gitignore").unlink()
    check = of("plan")[1]
    assert runner.run(check, KNOWN) == 0
    assert "written" in runner.said
    commit(sample, "What is generated")

    assert runner.run(check, KNOWN) == 0
    assert "written" not in runner.said

    add(sample / "templates/Dockerfile.j2", "RUN true\n")
    assert runner.run(check, KNOWN) == 1
    assert "dockerfiles/server-3_9.Dockerfile" in runner.said
    assert git(sample, "status", "--short") == "M templates/Dockerfile.j2"


def test_more_stages_than_jobs(sample: Path, runner: Runner) -> None:
    """Check that a plan with more stages than jobs fails before anything is built."""
    (sample / "templates/child.j2").write_text("FROM {{ parent }}\nRUN true\n")
    add(
        sample / "matrix.yaml",
        "  child: {from: server, template: child.j2, context: templates, tests: []}\n",
    )
    add(sample / "templates/server/requirements.txt", "idna\n")
    commit(sample, "Children")
    (plan,) = [step for step in of("plan") if step.name == "Plan"]

    assert runner.run(plan, KNOWN) == 1
    assert "::error::the plan has 2 stages, and images.yml has jobs for 1" in runner.said
    assert runner.outputs == {}


def test_a_push(sample: Path, runner: Runner) -> None:
    """Each push has a higher version, without a commit that changes one."""
    file = sample / "pyproject.toml"
    file.write_text(re.sub(r'(?m)^version = ".*"', 'version = "7.1.3"', file.read_text()))

    assert runner.job(of("stage"), KNOWN, without=EXCLUDED) == ["Determine the version", COMPILE]
    assert runner.outputs["steps.version.outputs.version"] == "v7.1.57"
    assert runner.job(of("scan"), KNOWN, without=EXCLUDED) == [COMPILE]
    assert runner.job(of("publish"), KNOWN, without=EXCLUDED) == [COMPILE]


def test_a_check_on_other_machines(tmp_path: Path) -> None:
    """The commented job is a valid one, which runs a check like the job `scan`."""
    lines = WORKFLOW.splitlines()
    start = lines.index("  # gpu:")
    end = next(n for n in range(start, len(lines)) if not lines[n])
    job = [line.replace("  # ", "  ", 1) for line in lines[start:end]]
    text = "\n".join([*lines[:start], *job, *lines[end:]])

    gpu = jobs(text)["gpu"]
    assert actionlint(text, tmp_path) == ""
    assert gpu["steps"][-1]["run"] == 'compile-matrix publish --checks gpu --version "$VERSION"'
    assert gpu["steps"][:4] == jobs(text)["scan"]["steps"][:4]


def deployment(sample: Path, runner: Runner) -> Path:
    """Return a repository that uses the images; the runner has a clone with those of a release."""
    other, images = sample.parent / "deployment", runner.scratch / "consumer"
    git(sample.parent, "init", "--quiet", "--bare", "--initial-branch=main", "deployment")
    git(sample.parent, "clone", "--quiet", str(other), str(images))
    commit(images, "Empty")
    git(images, "push", "--quiet", "origin", "HEAD:main")
    (images / "images.env").write_text("IMAGE_SERVER=acme/server@sha256:0\n")
    return other


def test_the_images_of_a_release_in_another_repository(sample: Path, runner: Runner) -> None:
    """A branch has the images of the release; without a difference, nothing is pushed."""
    other = deployment(sample, runner)

    ran = runner.job(of("consumer"), KNOWN, without=EXCLUDED)

    assert ran == [COMPILE, "Commit", "Push"]
    assert git(other, "show", "compile-matrix/images:images.env").startswith("IMAGE_SERVER=")
    assert git(other, "log", "-1", "--format=%s", "compile-matrix/images").endswith("v0.1.57")
    runner.outputs.clear()
    assert runner.job(of("consumer"), KNOWN, without=EXCLUDED) == [COMPILE, "Commit"]


def test_upgraded_base_images(sample: Path, runner: Runner) -> None:
    """Check that a changed lock is pushed to its own branch, and an unchanged one is not."""
    lock = sample / "matrix.lock"
    lock.write_text(LOCK.format("1" * 64))

    ran = runner.job(of("lock"), KNOWN, without=EXCLUDED)

    assert ran == ["Compile", "Commit", "Push"]
    pushed = git(sample.parent / "origin", "show", "--stat", "--format=%s", "compile-matrix/lock")
    assert pushed.startswith("Upgrade base images\n")
    assert "matrix.lock | 5" in pushed
    assert "1 file changed" in pushed

    runner.outputs.clear()
    assert runner.job(of("lock"), KNOWN, without=EXCLUDED) == ["Compile", "Commit"]

    (sample / ".gitignore").unlink()  # a team that commits what is generated
    runner.job([step for step in of("lock") if step.name == "Compile"], KNOWN)
    commit(sample, "What is generated")
    lock.write_text(LOCK.format("2" * 64))
    runner.job(of("lock"), KNOWN, without=EXCLUDED)
    origin = sample.parent / "origin"
    changed = git(origin, "show", "--format=", "--name-only", "compile-matrix/lock").split()
    assert "matrix.lock" in changed
    assert "dockerfiles/server-3_9.Dockerfile" in changed


class EmptyRegistry(BaseHTTPRequestHandler):
    """A registry without any repository."""

    def do_GET(self) -> None:
        """Answer that nothing is there."""
        self.send_error(404)

    def do_HEAD(self) -> None:
        """Answer that nothing is there."""
        self.send_error(404)


@pytest.fixture
def known() -> Iterator[dict[str, str]]:
    """Provide the values of expressions, with an empty registry."""
    with serving(EmptyRegistry) as server:
        yield {**KNOWN, "vars.REGISTRY": f"{server.host}/acme"}


@pytest.mark.parametrize(("job", "name"), EXCLUDED, ids=lambda word: word)
def test_excluded_steps_need_the_missing_program(
    job: str, name: str, sample: Path, runner: Runner, known: dict[str, str]
) -> None:
    """Check that an excluded step calls exactly the missing program, and fails without it."""
    (step,) = [step for step in of(job) if step.name == name]
    (sample / "matrix.lock").write_text(LOCK.format("1" * 64))
    deployment(sample, runner)
    runner.job(of(job), known, without=EXCLUDED, until=step)

    assert runner.run(step, {**known, **runner.outputs}) != 0
    assert set(runner.called()) == {EXCLUDED[job, name][0]} - {""}, runner.said


# --- The files of docs/ci.md ----------------------------------------------------------------------


def test_the_workflow_of_the_page(sample: Path, runner: Runner) -> None:
    """Check that its steps run, and that a stage without a job fails."""
    proposed(sample, {"templates/server/requirements.txt": "idna\n"})
    install, plan, guard = of("plan", SHOWN)
    assert install.script == "pip install git+https://git.example.com/compile-matrix"

    assert runner.run(plan, {}) == 0
    (stage,) = json.loads(runner.outputs["steps.plan.outputs.jobs"])["stages"]
    assert runner.run(guard, {}) == 1

    for job in ("stage-1", "stage-2"):
        known = {"matrix.selection": stage["include"][0]["selection"]}
        _, *lines, last = of(job, SHOWN)
        runner.job(lines, known)
        assert runner.run(last, known) == 1
        assert set(runner.called()) == {"docker"}
        assert "error[cannot-build]" in runner.said


def script(job: object) -> list[str]:
    """Return the script of a GitLab job."""
    found = job.get("script", []) if isinstance(job, dict) else []
    return [str(line) for line in found]


def gitlab(job: object) -> list[Step]:
    """Return the lines of a GitLab job as steps."""
    return [Step(job="job", name=line, script=line) for line in script(job)]


def test_the_pipeline_of_the_page(sample: Path, runner: Runner) -> None:
    """Check that its lines run, and write a pipeline whose jobs extend the hidden job."""
    base = git(sample, "rev-parse", "HEAD")
    add(sample / "templates/server/requirements.txt", "idna\n")
    commit(sample, "A change")
    pipeline, hidden = yaml.safe_load(PIPELINE), yaml.safe_load(HIDDEN)
    env = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    install, *lines = gitlab(pipeline["plan"])
    assert install.script.startswith("pip ")

    runner.job(lines, env=env)

    (artifact,) = pipeline["plan"]["artifacts"]["paths"]
    assert pipeline["images"]["trigger"]["include"] == [{"artifact": artifact, "job": "plan"}]
    child = yaml.safe_load((sample / artifact).read_text())
    assert child.pop("include") == {"local": HIDDEN_PATH}
    assert child.pop("stages") == ["stage-1"]
    for job in child.values():
        assert job["extends"] in hidden

    env = next(iter(child.values()))["variables"]
    needs = {}
    for step in gitlab(hidden[job["extends"]]):
        code = runner.run(step, {}, env)
        called = set(runner.called())
        assert bool(code) == bool(called), runner.said
        needs[step.script.partition(" ")[0], bool(called)] = called
    assert needs == {
        ("apk", True): {"apk"},
        ("pip", True): {"pip"},
        ("docker", True): {"docker"},
        ("compile-matrix", False): set(),
        ("printf", False): set(),
        ("compile-matrix", True): {"docker"},
    }
