"""Repositories, shared tags and platform tags of targets."""

import pytest
from support.phases import codes, faults, plan_of, targets

from compiler.targets.indexes import make_indexes


GOLANG = """
variables: {GHCR: ghcr.io/acme, HUB: acme, VERSION: 1.25.3}
axes:
  os:
    trixie: {platforms: [linux/arm64/v8, linux/amd64]}
    armel: {platforms: [linux/arm/v5, linux/arm]}
defaults:
  template: Dockerfile.j2
  repositories: ["${GHCR}/golang", "${HUB}/golang"]
images:
  golang:
    tags: ["${VERSION}-{{ os }}"]
    moving: ["{{ os }} {{ os }}-1"]
    aliases: {"old-{{ os }}": {os: armel}}
    shared: {tags: ["${VERSION}"], moving: [latest]}
    platform-tags:
      tags: ["{{ platform.os }}-{{ platform.arch }}{{ platform.variant }}"]
      moving: ["{{ 'x' if platform == 'linux/arm64' else '' }}"]
"""


class TestRepositories:
    """Tags are names, which exist in each repository."""

    def test_each_tag_exists_in_each_repository(self) -> None:
        """All tags of the first repository come first: images are staged there."""
        target = targets(GOLANG)["golang-armel"]
        assert target.repositories == ("${GHCR}/golang", "${HUB}/golang")
        assert target.tags == ("${GHCR}/golang:${VERSION}-armel", "${HUB}/golang:${VERSION}-armel")
        assert target.moving == (
            *("${GHCR}/golang:armel", "${GHCR}/golang:armel-1"),
            *("${HUB}/golang:armel", "${HUB}/golang:armel-1"),
        )
        assert target.aliases == ("${GHCR}/golang:old-armel", "${HUB}/golang:old-armel")

    def test_null_turns_an_inherited_list_off(self) -> None:
        """Tags then contain their repository."""
        text = GOLANG + "  other: {repositories: null, tags: ['acme/x:{{ os }}']}\n"
        target = targets(text)["other-trixie"]
        assert target.repositories is None
        assert target.tags == ("acme/x:trixie",)

    def test_a_variant_may_have_none(self) -> None:
        """An entry renders to zero or more repositories; without any there is no tag."""
        text = GOLANG + (
            "  other:\n"
            "    repositories: [\"{{ 'a/b c/d' if os == 'trixie' else '' }}\"]\n"
            "    tags: ['{{ os }}']\n"
        )
        built = targets(text)
        assert built["other-trixie"].tags == ("a/b:trixie", "c/d:trixie")
        assert built["other-armel"].tags == ()
        assert "tags" not in built["other-armel"].fields

    def test_an_override_replaces_the_list(self) -> None:
        """A list is replaced as a whole."""
        text = GOLANG + "overrides: [{when: {os: armel}, repositories: [r.example/x]}]\n"
        assert targets(text)["golang-armel"].tags == ("r.example/x:${VERSION}-armel",)

    @pytest.mark.parametrize("name", ["a/b", "a:b", "-a", "é", "a" * 129])
    def test_a_name_is_checked_after_rendering(self, name: str) -> None:
        """A name of a tag contains no repository and is valid for registries."""
        text = f"""
set: {{name: "{name}"}}
images: {{a: {{template: a, repositories: [acme/a], tags: ["{{{{ name }}}}"]}}}}
"""
        assert codes(text) == ["illegal-tag"]


class TestShared:
    """Targets that render the same name are joined in one index."""

    def test_indexes_of_a_plan(self) -> None:
        """One entry for each repository; tags keep their variables."""
        planned = plan_of(GOLANG)
        both = ("golang-trixie", "golang-armel")
        assert planned.indexes == (
            ("${GHCR}/golang:${VERSION}", False, both),
            ("${HUB}/golang:${VERSION}", False, both),
            ("${GHCR}/golang:latest", True, both),
            ("${HUB}/golang:latest", True, both),
        )
        # Four indexes, four tags of platforms, and one floating tag: each in two repositories.
        assert planned.unbaked_tags == 4 + 2 * 4 + 2

    def test_targets_of_different_images_and_a_single_target(self) -> None:
        """The members of an index may belong to different images; one member is enough."""
        text = """
defaults: {template: a}
images:
  a: {platforms: [linux/amd64], shared: {tags: [acme/x:1, acme/a:1]}}
  b: {platforms: [linux/arm64], shared: [acme/x:1]}
"""
        assert make_indexes(targets(text).values()) == (
            ("acme/x:1", False, ("a", "b")),
            ("acme/a:1", False, ("a",)),
        )

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/amd64", "linux/amd64/v1"),
            ("linux/arm", "linux/arm/v7"),
        ],
    )
    def test_platforms_are_disjoint(self, one: str, other: str) -> None:
        """Two spellings of one platform overlap; the error shows both places."""
        text = f"""
defaults: {{template: a}}
images:
  a: {{platforms: [linux/s390x, {one}], shared: [acme/x:1]}}
  b: {{platforms: [{other}], shared: [acme/x:1]}}
"""
        (fault,) = faults(text)
        assert fault.code == "shared-platform"
        assert [fault.file_location.line, *(place.line for _, place in fault.related)] == [5, 4]

    def test_variants_do_not_overlap(self) -> None:
        """Variants of an architecture are different platforms."""
        text = """
defaults: {template: a}
images:
  a: {platforms: [linux/arm/v6, linux/amd64/v2], shared: [acme/x:1]}
  b: {platforms: [linux/arm/v7, linux/amd64], shared: [acme/x:1]}
"""
        assert codes(text) == []

    @pytest.mark.parametrize("field", ["tags: [acme/x:1]", "moving: [acme/x:1]"])
    def test_a_shared_tag_is_no_other_kind_of_tag(self, field: str) -> None:
        """A tag of an index must not be the tag of a target as well."""
        text = f"""
defaults: {{template: a}}
images:
  a: {{platforms: [linux/amd64], shared: [acme/x:1]}}
  b: {{platforms: [linux/arm64], {field}}}
"""
        assert codes(text) == ["duplicate-tag"]


class TestPlatformTags:
    """Tags of the platforms of a target."""

    def test_strings_see_the_normal_form(self) -> None:
        """`platform` prints the normal form of BuildKit, and has parts."""
        (arm64, amd64), (v5, v7) = (target.platform_tags for target in targets(GOLANG).values())
        assert (arm64.platform, amd64.platform) == ("linux/arm64", "linux/amd64")
        assert (v5.platform, v7.platform) == ("linux/arm/v5", "linux/arm/v7")
        assert arm64.tags == ("${GHCR}/golang:linux-arm64", "${HUB}/golang:linux-arm64")
        assert arm64.moving == ("${GHCR}/golang:x", "${HUB}/golang:x")
        assert v7.tags == ("${GHCR}/golang:linux-armv7", "${HUB}/golang:linux-armv7")
        assert v7.moving == ()

    def test_only_the_platforms_of_the_target(self) -> None:
        """Platforms are narrowed by axis values before their tags are made."""
        assert [tags.platform for tags in targets(GOLANG)["golang-trixie"].platform_tags] == [
            "linux/arm64",
            "linux/amd64",
        ]

    @pytest.mark.parametrize("value", ["[]", "{}", "null", "{tags: [], moving: []}"])
    def test_an_empty_list_needs_no_platforms(self, value: str) -> None:
        """It turns an inherited list off."""
        text = f"""
defaults: {{template: a, platform-tags: ["acme/a:{{{{ platform.arch }}}}"]}}
images: {{a: {{platform-tags: {value}}}}}
"""
        assert targets(text)["a"].platform_tags == ()

    def test_duplicates_are_errors(self) -> None:
        """Two platforms cannot have one tag."""
        text = """
images:
  a: {template: a, platforms: [linux/amd64, linux/arm64], platform-tags: [acme/a:1]}
"""
        assert codes(text) == ["duplicate-tag"]


class TestDuplicateTag:
    """`duplicate-tag` suggests `shared` where targets could be joined."""

    @pytest.mark.parametrize(
        ("platforms", "suggested"),
        [("linux/arm64", True), ("linux/amd64", False)],
    )
    def test_suggestion(self, platforms: str, *, suggested: bool) -> None:
        """Targets with different platforms could be joined."""
        text = f"""
defaults: {{template: a}}
images:
  a: {{platforms: [linux/amd64], tags: [acme/x:1]}}
  b: {{platforms: [{platforms}], tags: [acme/x:1]}}
"""
        (fault,) = faults(text)
        assert fault.code == "duplicate-tag"
        assert ("`shared`" in fault.help) == suggested
