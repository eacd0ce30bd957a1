"""Read what repositories contain, for a clean-up: every tag, and everything that they lead to.

Nothing is guessed: a tag or record that exists and cannot be read is an error.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from compiler.codes import Code
from compiler.external.references import repository_key, split_tag, tag_key
from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.parallel import pause, run_parallel
from compiler.publish.clean_up_notes import CleanUpNote, Image, read_note
from compiler.publish.inventory import (
    Inventory,
    Kind,
    StoredManifest,
    StoredRelease,
    StoredRepository,
    stored_manifest,
)
from compiler.releases.history import current_digests
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import RECORD_PREFIX, read_record
from compiler.releases.tag_templates import TagTemplates


MAX_MANIFESTS = 500_000
"""Maximum number of manifests of all repositories."""
_LOOKS = 3
"""Maximum number of further looks at a tag that is listed and missing."""


class InventoryReader:
    """Reads the repositories of a matrix, at several times; each manifest is read once."""

    def __init__(
        self,
        registries: Registries,
        repositories: Sequence[str],
        templates: TagTemplates,
        unsigned: Callable[[Iterable[Image]], Collection[Image]] = lambda _: (),
    ) -> None:
        """Take the registries, the repositories, and the tags that the matrix can produce.

        `unsigned` returns which of some records are not signed as the matrix requires.
        """
        self._repositories = tuple(dict.fromkeys(map(repository_key, repositories)))
        self._registries, self._templates, self._unsigned = registries, templates, unsigned
        self._first_tags: Mapping[str, str] | None = None
        """Tag -> digest, at the first time."""
        self._manifests: dict[Image, StoredManifest] = {}
        self._records: dict[tuple[str, str, str], ReleaseRecord] = {}
        """Repository, digest and version -> the record."""
        self._notes: dict[Image, CleanUpNote] = {}
        self._has_referrers: dict[str, bool] = {}
        """Registry -> whether it lists referrers."""

    def read(self) -> Inventory:
        """Read the repositories now.

        Raises:
            RegistryError: something cannot be read, or a record is damaged.
        """
        listed = run_parallel(self._registries.tags, {name: name for name in self._repositories})
        digests = self._resolve(
            [f"{repository}:{tag}" for repository, tags in listed.items() for tag in tags]
        )
        tags: dict[str, dict[str, str]] = {name: {} for name in self._repositories}
        for full, digest in digests.items():
            repository, tag = split_tag(full)
            tags[repository][tag] = digest
        self._read_all((split_tag(tag)[0], digest) for tag, digest in digests.items())
        tags = self._without_deleted(tags)
        releases = self._releases(tags)
        announced = {
            name: frozenset(
                text
                for digest in tags[name].values()
                for text in self._notes.get((name, digest), _NO_NOTE).digests
            )
            for name in self._repositories
        }
        self._read_all(_recorded(releases, self._repositories))
        self._read_all((name, digest) for name in announced for digest in sorted(announced[name]))
        return Inventory(
            repositories=tuple(
                StoredRepository(
                    name=name,
                    tags=tags[name],
                    manifests={
                        digest: manifest
                        for (repository, digest), manifest in self._manifests.items()
                        if repository == name
                    },
                    announced=announced[name],
                )
                for name in self._repositories
            ),
            releases=releases,
            floating_tags=frozenset(map(tag_key, self._templates.floating_tags)),
            version_tags=self._version_tags(tags),
        )

    def _version_tags(self, tags: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Return the version of each version tag that has named its image since the first time.

        A tag that was created since then belongs to a release in progress.
        """
        digests = {
            f"{name}:{tag}": digest for name, own in tags.items() for tag, digest in own.items()
        }
        if self._first_tags is None:
            self._first_tags = digests
        return {
            tag: version
            for tag, digest in digests.items()
            if self._first_tags.get(tag) == digest
            and (version := self._templates.version_of(tag)) is not None
        }

    def _resolve(self, tags: Iterable[str]) -> dict[str, str]:
        """Return the digest of each tag, without tags that are listed and lead nowhere."""
        current = current_digests(self._registries, tags)
        for number in range(_LOOKS):
            missing = [tag for tag, digest in current.items() if digest is None]
            if not missing or pause(0.25 * 2.0**number):
                break
            current |= current_digests(self._registries, missing)
        return {tag: digest for tag, digest in current.items() if digest is not None}

    def _without_deleted(self, tags: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        """Return the tags whose manifests were read; another clean-up may delete some meanwhile.

        Raises:
            RegistryError: a manifest cannot be read although its tag still exists.
        """
        unread = [
            f"{repository}:{tag}"
            for repository, listed in tags.items()
            for tag, digest in listed.items()
            if (repository, digest) not in self._manifests
        ]
        for tag, digest in current_digests(self._registries, unread).items():
            if digest is not None:
                raise RegistryError(
                    tag,
                    f"the tag exists, but its manifest {digest} cannot be read",
                    code=Code.REGISTRY_ERROR,
                    help_="delete the tag if nothing needs it, or run the command again",
                )
        return {
            name: {
                tag: digest for tag, digest in listed.items() if (name, digest) in self._manifests
            }
            for name, listed in tags.items()
        }

    def _read_all(self, images: Iterable[Image]) -> None:
        """Read manifests, with everything that they contain and that refers to them."""
        pending = dict.fromkeys(image for image in images if image not in self._manifests)
        while pending:
            manifests = run_parallel(self._read, {image: image for image in pending})
            new = {image: manifest for image, manifest in manifests.items() if manifest}
            self._manifests |= new
            if len(self._manifests) > MAX_MANIFESTS:
                raise RegistryError(
                    self._repositories[0],
                    f"the repositories have more than {MAX_MANIFESTS} manifests",
                    code=Code.REGISTRY_ERROR,
                    help_="stage images in a repository of their own: `publish.staging`",
                )
            referrers = run_parallel(self._referrers, {image: image for image in new})
            related = {
                (image[0], digest): None
                for image, manifest in new.items()
                for digest in (*manifest.children, *referrers[image])
            }
            pending = {
                image: None
                for image in related
                if image not in self._manifests and image not in manifests
            }

    def _read(self, image: Image) -> StoredManifest | None:
        """Read a manifest, and the note in it; None if it is missing."""
        repository, digest = image
        manifest = self._registries.manifest(repository, digest)
        if manifest is None:
            return None
        stored = stored_manifest(manifest)
        if stored.kind is Kind.CLEAN_UP:
            note = read_note(self._registries, repository, manifest)
            if note is not None:
                self._notes[image] = note
        return stored

    def _referrers(self, image: Image) -> list[str]:
        """Return the artifacts that refer to a manifest, if its registry lists them."""
        host = image[0].partition("/")[0]
        if not self._has_referrers.get(host, True):
            return []
        referrers = self._registries.find_referrers(*image)
        self._has_referrers[host] = referrers is not None
        return referrers or []

    def _releases(self, tags: Mapping[str, Mapping[str, str]]) -> tuple[StoredRelease, ...]:
        """Return the releases whose records have tags.

        Raises:
            InvalidContentError: a record is damaged, so that it is unknown what it names.
        """
        records = {
            (repository, digest, tag.removeprefix(RECORD_PREFIX)): (repository, digest)
            for repository, listed in tags.items()
            for tag, digest in listed.items()
            if tag.startswith(RECORD_PREFIX)
            and self._manifests[repository, digest].kind is Kind.RECORD
        }
        unread = {key: key for key in records if key not in self._records}
        for key, record in run_parallel(self._read_record, unread).items():
            if record is not None:
                self._records[key] = record
        unsigned = self._unsigned(records.values())
        return tuple(
            StoredRelease(
                record=self._records[key],
                repository=image[0],
                digest=image[1],
                is_signed=image not in unsigned,
            )
            for key, image in records.items()
            if key in self._records
        )

    def _read_record(self, key: tuple[str, str, str]) -> ReleaseRecord | None:
        repository, digest, version = key
        manifest = self._registries.manifest(repository, digest)
        return read_record(self._registries, repository, version, manifest) if manifest else None


_NO_NOTE = CleanUpNote(digests=frozenset(), has_ended=True)


def _recorded(releases: Iterable[StoredRelease], repositories: Collection[str]) -> Iterator[Image]:
    """Yield the images that releases name, in the repositories of their tags."""
    for release in releases:
        for tag, digest in release.tags():
            repository = split_tag(tag)[0]
            if repository in repositories:
                yield repository, digest
