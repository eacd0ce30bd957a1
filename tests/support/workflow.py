"""Run the scripts of a workflow's steps in a checkout, as a runner would, without actions."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


TOOLS = ("apk", "docker", "gh", "pip")
"""Programs of a runner, or of the network; stand-ins record that they were called."""
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that runs a script."""

    job: str
    name: str
    script: str
    condition: str = ""
    id: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


def steps(text: str) -> list[Step]:
    """Return the steps that run a script; the first line of the script is the default name."""
    return [
        Step(
            job=job,
            name=step.get("name", step["run"].partition("\n")[0]),
            script=step["run"],
            condition=step.get("if", ""),
            id=step.get("id", ""),
            env={key: str(value) for key, value in step.get("env", {}).items()},
        )
        for job, said in jobs(text).items()
        for step in said.get("steps", [])
        if "run" in step
    ]


def jobs(text: str) -> dict[str, dict[str, Any]]:
    """Return the jobs of a workflow by name."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["jobs"]
    return found


def git(folder: Path, *words: str) -> str:
    """Run git with a fixed author and return its output."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    command = ["git", *who, "-c", "protocol.file.allow=always", *words]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Runner:
    """A runner that executes steps in a checkout."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        """Take the checkout, and a folder for the files of the runner."""
        self.folder, self.scratch = folder, scratch
        self.said = ""
        self.outputs: dict[str, str] = {}
        (scratch / "tools").mkdir(parents=True)
        (scratch / "home").mkdir()
        for tool in TOOLS:
            program = scratch / "tools" / tool
            program.write_text(f'#!/bin/sh\necho {tool} >> "{scratch}/called"\nexit 97\n')
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def called(self) -> list[str]:
        """Return the tools that were called since the last call of this method."""
        log = self.scratch / "called"
        found = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    def run(
        self, step: Step, known: Mapping[str, str], env: Mapping[str, str] | None = None
    ) -> int:
        """Run a step, with values for the expressions of its `env`, and return its exit code."""
        output = self.scratch / "output"
        output.write_text("")
        script = self.scratch / "step.sh"
        script.write_text(step.script)
        given = {
            key: EXPRESSION.sub(lambda found: known[found[1]], value)
            for key, value in step.env.items()
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.folder,
            env={
                "PATH": f"{self.scratch}/tools:{Path(sys.executable).parent}:/usr/bin:/bin",
                "HOME": str(self.scratch / "home"),
                "CI": "true",
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(self.scratch / "summary"),
                "RUNNER_TEMP": str(self.scratch),
                **(env or {}),
                **given,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.said = done.stdout
        for line in output.read_text().splitlines():
            key, _, value = line.partition("=")
            self.outputs[f"steps.{step.id}.outputs.{key}"] = value
        return done.returncode

    def job(
        self,
        todo: Collection[Step],
        known: Mapping[str, str] | None = None,
        *,
        without: Collection[tuple[str, str]] = (),
        until: Step | None = None,
        env: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Run the steps of a job, check that each passes and calls no tool, and return their names.

        Args:
            todo: the steps.
            known: values of expressions in `env`.
            without: job and name of the steps to skip.
            until: the first step that is not run.
            env: additional environment variables.
        """
        ran = []
        for step in todo:
            if step == until:
                break
            if (step.job, step.name) in without:
                continue
            if step.condition and not self.outputs.get(step.condition):
                continue
            code = self.run(step, known or {}, env)
            assert code == 0, f"{step.name}: {self.said}"
            assert self.called() == [], step.name
            ran.append(step.name)
        return ran


def shellcheck() -> str | None:
    """Return the path of shellcheck: that of this environment, otherwise the user's."""
    return shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def actionlint(text: str, scratch: Path) -> str:
    """Return the findings of actionlint and shellcheck in a workflow; empty if there are none."""
    program = Path(sys.executable).with_name("actionlint")
    file = scratch / "workflow.yml"
    file.write_text(text)
    done = subprocess.run(
        [program, "-shellcheck", shellcheck() or "", "-no-color", file],
        cwd=scratch,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr
