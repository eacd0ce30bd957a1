"""A project with a large build context in a repository, and a registry without images."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random


FILES = 20_000
BYTES = 23_000
"""Of each file: 460 MB together."""
PER_FOLDER = 50
EDITED = "context/0/0"
"""A file of the context."""

MATRIX = """\
images:
  app: {{axes: [], template: app.j2, context: context, tags: ["{registry}/app:1"]}}
"""


class _Empty(BaseHTTPRequestHandler):
    """Answers that nothing exists."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer a request for a manifest."""
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815 - the name that the base class calls

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


@contextmanager
def empty_registry() -> Iterator[str]:
    """Provide the address of a registry without images."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def write(project: Path, registry: str) -> None:
    """Write the project and commit it."""
    random = Random(0)  # noqa: S311 - reproducible
    (project / "templates").mkdir(parents=True)
    (project / "matrix.yaml").write_text(MATRIX.format(registry=registry))
    (project / "templates/app.j2").write_text("FROM python:3.11\nCOPY . /app\n")
    for number in range(FILES):
        folder, name = divmod(number, PER_FOLDER)
        path = project / "context" / str(folder) / str(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.randbytes(BYTES))
    _git(project, "init", "--quiet")
    _git(project, "add", "--all")
    _git(project, "commit", "--quiet", "--message", "all")


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.compression=0")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)
