"""The number of requests that a release sends for each target; see `docs/speed.md`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import sha256

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, Perform, add_index
from support.release_actors import Silent
from support.releases import plan_of, request_of

from compiler.external.registry.responses import Response
from compiler.fingerprint.naming import fingerprint_tag
from compiler.matrix.matrix import ImagePart
from compiler.publish.publish import publish
from compiler.publish.result import PublishResult
from compiler.publish.staged_image import passed_tests_tag
from compiler.targets.image_tests import ImageTest


REPOSITORY = f"{HOST}/acme/a"
MATRIX = """\
variables: {V: "1"}
axes: {n: [NUMBERS]}
images:
  a:
    template: a.j2
    platforms: [PLATFORMS]
    tests: [TESTS]
    tags: ["REPOSITORY:{{ n }}-${V}"]
    moving: ["REPOSITORY:{{ n }}"]
publish: {version: "${V}"}
""".replace("REPOSITORY", REPOSITORY)
FEW, MANY = 3, 23


class Project:
    """A matrix of some targets, whose images are all staged, and what its releases request."""

    def __init__(self, count: int, *, platforms: int, tests: bool) -> None:
        """Create the matrix and an empty registry."""
        self.count, self.platforms = count, ["amd64", "arm64"][:platforms]
        text = MATRIX.replace("NUMBERS", ", ".join(f"n{number}" for number in range(count)))
        text = text.replace("PLATFORMS", ", ".join(f"linux/{name}" for name in self.platforms))
        self.plan = plan_of(text.replace("TESTS", '"true"' if tests else ""))
        self.tests = [ImageTest(ImagePart.SHELL, "true")] if tests else []
        self.model = ModelRegistry()
        self.requests: Counter[str] = Counter()
        self.written: list[str] = []

    def gate(self, method: str, path: str, perform: Perform) -> Response:
        """Count a request by its method and its kind."""
        self.requests[f"{method} {path.split('/')[3]}"] += 1
        if method == "PUT" and "/manifests/" in path:
            self.written.append(path.rpartition("/")[2])
        return perform()

    def fingerprint(self, target: str, content: str) -> str:
        """Return the fingerprint of a target with some content."""
        return sha256(f"{target} {content}".encode()).hexdigest()

    def stage(self, content: str) -> None:
        """Stage the images of all targets."""
        for target in self.plan.targets:
            fingerprint = self.fingerprint(target.name, content)
            images = {
                platform: self.model.add_image(
                    REPOSITORY,
                    f"{target.name} {content} {platform}",
                    platform=platform,
                    **{"compile-matrix.fingerprint": f"sha256:{fingerprint}"},
                )
                for platform in self.platforms
            }
            names = [fingerprint_tag(fingerprint)]
            names += [passed_tests_tag(fingerprint, self.tests)] if self.tests else []
            add_index(self.model, REPOSITORY, images, *names)

    def publish(self, version: str, content: str) -> PublishResult:
        """Publish all targets; count from zero."""
        request = request_of(self.plan, version, lambda name: self.fingerprint(name, content))
        self.requests.clear()
        self.written.clear()
        return publish(request, ModelRegistries(self.model, self.gate), Silent())


def first(project: Project) -> None:
    """Publish the first release."""
    project.stage("x")
    project.publish("1", "x")


def second(project: Project) -> None:
    """Publish another release, of other images."""
    first(project)
    project.stage("y")
    project.publish("2", "y")


def second_of_equal_images(project: Project) -> None:
    """Publish another release of the same images."""
    first(project)
    project.publish("2", "x")


def hotfix(project: Project) -> None:
    """Publish a release below the newest one, to which floating tags do not move."""
    project.stage("x")
    project.publish("3", "x")
    project.stage("y")
    project.publish("2", "y")


def again(project: Project) -> None:
    """Publish the same release again."""
    first(project)
    project.publish("1", "x")
    assert project.written == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("release", "limit"),
    [(first, 6), (second, 6), (second_of_equal_images, 5), (hotfix, 6), (again, 2)],
)
@pytest.mark.parametrize(("platforms", "tests"), [(1, False), (2, False), (1, True), (2, True)])
def test_requests_for_each_target(
    release: Callable[[Project], None], limit: int, platforms: int, *, tests: bool
) -> None:
    """One more for each further platform, unless nothing is to be done, and for tests."""
    few = Project(FEW, platforms=platforms, tests=tests)
    many = Project(MANY, platforms=platforms, tests=tests)
    for project in (few, many):
        release(project)

    each = (many.requests.total() - few.requests.total()) / (MANY - FEW)
    shared = few.requests.total() - FEW * each
    further = 0 if release in {again, second_of_equal_images} else platforms - 1
    assert each <= limit + further + tests, many.requests
    assert shared <= 30, few.requests


def test_results_count_the_tags_that_changed() -> None:
    """A floating tag that refers to the image already is not counted, and not written."""
    project = Project(FEW, platforms=1, tests=False)
    project.stage("x")

    counts = [
        {target.created_tags for target in project.publish(*release).targets}
        for release in (("1", "x"), ("2", "x"), ("2", "x"))
    ]

    assert counts == [{2}, {1}, {0}]
    assert project.written == []
