"""The real engine under the tests: Docker, a registry, base images and two versions of buildx."""
