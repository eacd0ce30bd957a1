"""A workflow's `run:` lines, run here as its runner would, in a checkout, without its actions."""

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
"""Programs that only a runner has, or that ask the world: here they note that they were called."""
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
    """Give the steps of a workflow that run a script; those without a name are named by it."""
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
    """Give the jobs of a workflow."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["jobs"]
    return found


def git(folder: Path, *words: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    command = ["git", *who, "-c", "protocol.file.allow=always", *words]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Runner:
    """A machine that runs steps in a checkout."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        """Take the checkout, and a folder for what is beside it."""
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
        """Give which of the tools were called since this was last asked."""
        log = self.scratch / "called"
        found = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    def run(
        self, step: Step, known: Mapping[str, str], env: Mapping[str, str] | None = None
    ) -> int:
        """Run a step, expressions of its `env` being what is known; give its exit code."""
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
        """Run the steps of a job without some; each passes and calls no tool. Give their names.

        A condition is the output of a step. `until` is the one before which this ends.
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
    """Give the program that looks into scripts: the one of this environment, or the user's own."""
    return shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def actionlint(text: str, scratch: Path) -> str:
    """Give what actionlint says of a workflow: nothing if it is sound, and its scripts are, too."""
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
