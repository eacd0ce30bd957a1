"""Matrices of a given number of variants, like those that teams have."""

import json
from itertools import product
from pathlib import Path


SHAPES = {
    10: (5, 1, 1, 2),
    100: (10, 5, 1, 2),
    1_000: (10, 10, 5, 2),
    10_000: (10, 25, 20, 2),
}
"""Variants -> values of the axes python, cuda, job and reload."""

PAGE_SHAPE = (10, 10, 10, 2)
"""The values of the axes of the matrix whose page is measured."""

TEMPLATE = """\
# The base image of one kind of job.
FROM python:{{ python }}-slim-bookworm

ENV PYTHONUNBUFFERED=1 \\
    PIP_DISABLE_PIP_VERSION_CHECK=1 \\
    PIP_ROOT_USER_ACTION=ignore

# Nothing runs as root.
RUN useradd --no-log-init --uid 10001 --user-group --create-home app \\
 && install --directory --owner=app --group=app /app
WORKDIR /app

# The cache mount keeps downloads out of the image, and between builds.
RUN --mount=type=cache,target=/root/.cache/pip \\
    --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt \\
    pip install --requirement /tmp/requirements.txt

{% if python is version(">=3.5") %}
RUN pip install {{ job }}-runtime
{% endif %}
# CUDA is copied, not started from: one layer for every Python.
COPY --link --from=nvidia/cuda:{{ cuda }}-base-ubuntu24.04 /usr/local/cuda /usr/local/cuda
ENV CUDA_VERSION={{ cuda }} \\
    NVIDIA_VISIBLE_DEVICES=all \\
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \\
    PATH=/usr/local/cuda/bin:${PATH}
{% if reload %}

# Live reload: the command is run again whenever a file below /app changes.
COPY control /control
ENTRYPOINT ["/control/run"]
{% endif %}
"""


def write(folder: Path, variants: int, *, rows: bool = False) -> None:
    """Write a project with that many variants into a folder.

    With `rows`, the same variants and arguments are the rows of a JSON file.
    """
    pythons, cudas, jobs, _ = SHAPES.get(variants, PAGE_SHAPE)
    axes: dict[str, list[str | bool]] = {
        "python": [f"3.{n}" for n in range(pythons)],
        "cuda": [f"12.{n}.1" for n in range(cudas)],
        "job": [f"job{n}" for n in range(jobs)],
        "reload": [False, True],
    }
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "Dockerfile.j2").write_text(TEMPLATE)
    (folder / "requirements.txt").write_text("requests\n")
    (folder / "control").mkdir()
    data, own = "", 'args: {JOB: "{{ job }}"}'
    if rows:
        data, own = "data: {builds: builds.json}\n", 'rows: "{{ builds }}"'
        table = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
        builds = [{**row, "args": {"JOB": row["job"]}} for row in table]
        (folder / "builds.json").write_text(json.dumps(builds, indent=1))
    (folder / "matrix.yaml").write_text(f"""\
{data}variables: {{REGISTRY: docker.io/acme, VERSION_TAG: v1.0}}
axes:
  python: [{", ".join(map(str, axes["python"]))}]
  cuda: [{", ".join(map(str, axes["cuda"]))}]
  job: [{", ".join(map(str, axes["job"]))}]
  reload: {{false: {{}}, true: {{}}}}
images:
  server:
    template: Dockerfile.j2
    platforms: [linux/amd64, linux/arm64]
    labels: {{org.opencontainers.image.title: server, com.example.job: "{{{{ job }}}}"}}
    {own}
    tags: ["${{REGISTRY}}/server:{{{{ variant }}}}-${{VERSION_TAG}}"]
""")
