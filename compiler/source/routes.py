"""Sets of routes that know whether a value contains one of them."""

from collections.abc import Iterator

from compiler.source.document import Route


def without_indexes(route: Route) -> Route:
    """Return a route without the indexes of lists.

    >>> without_indexes(("images", "base", "tags", 0)), without_indexes(("axes", "gpu", True))
    (('images', 'base', 'tags'), ('axes', 'gpu', True))
    """
    return tuple(step for step in route if not isinstance(step, int) or isinstance(step, bool))


class Routes:
    """A set of routes; asking it takes the same time for any number of them."""

    def __init__(self) -> None:
        self._routes: set[Route] = set()
        self._containing: set[Route] = set()

    def __iter__(self) -> Iterator[Route]:
        """Yield the routes, in no certain order."""
        return iter(self._routes)

    def __contains__(self, route: Route) -> bool:
        """Return whether a route is in the set."""
        return route in self._routes

    def add(self, route: Route) -> None:
        """Add a route."""
        self._routes.add(route)
        self._containing.update(route[:n] for n in range(len(route) + 1))

    def any_within(self, route: Route) -> bool:
        """Return whether the value at a route is, or contains, the value at one in the set."""
        return route in self._containing
