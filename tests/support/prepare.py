"""Make the base images for a throwaway engine, while tests that need none run."""

from __future__ import annotations

import sys
from pathlib import Path


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support import bases, tools


if __name__ == "__main__":
    bases.storage(tools.docker() / "usr" / "bin" / "docker-registry")
