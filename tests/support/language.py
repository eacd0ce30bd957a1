"""The phrases that no text for users may contain, and what to write instead."""

from __future__ import annotations

import re


REJECTED = {
    r"\b(stands?|standing|stood) (on|in|upon|behind|there|here)\b": "depends on",
    r"\bcomes? along\b": "dependencies included",
    r"\b(what|that|who|images?) (already )?waits?\b|\bwaits? (in|under|whole)\b": "staged",
    r"\bwhat moves?\b|\b(tags?|names?|bases?) that moves?\b|\bmoves nothing\b": "floating tags",
    r"\bfor ever\b": "immutable, version tag",
    r"\b(tags? (is|are )?given|(gives?|given|giving) (\w+ )?tags?)\b": "create tags",
    r"\banew\b": "rebuilt",
    r"(?<!there )\b(is|are) no (?!longer\b|more\b)": "is not a, must be",
    r"\bit is none\b|\band is none\b": "is invalid",
    r"\b(is|are) nothing that\b": "invalid value",
    r"\bbeside\b": "next to, compared with, in addition to",
    r"\bwhose turn\b": "next",
    r"\bin (\w+ )?parts\b|\bparts of (it|them|bake)\b": "in batches",
    r"\bcan bear\b|\bbears\b": "supports, contains",
    r"\b(tried|tries) (\w+ )?again\b": "retry",
    r"\bpass(es)? by (itself|themselves)\b": "transient error",
    r"\bfaults?\b": "error, failure, bug",
    r"\bgiven twice\b|\bsays? (\w+ )?twice\b": "duplicate",
    r"\bwithout a word\b": "silently",
    r"\b(tells?(?! (them|it) apart)|told|said)\b": "reports, shows",
    r"\b(lends?|lent)\b": "provides",
    r"\bholds\b": "contains",
    r"\bat hand\b|\bin hand\b(?!-)": "available",
    r"\byours\b": "name the noun",
    r"\bwhat (is|was) (left|there|gone|so)\b": "name the noun",
    r"\ball of it\b|\bnothing of it\b": "name the noun",
    r"\bwords? (of|on|after|behind) (the command line|`|--)": "argument",
    r"\bhalf (of )?(a )?character\b": "lone surrogate",
    r"\bby all of this\b": "name the noun",
    r"\blogins?\b(?! (page|shell)|:)": "credentials, account",
    r"\bvariants? that the rules (drop|leave)\b|\bthe rules leave\b": "exclude",
    r"\bcosts? itself\b": "fails",
    r"\b(one|group|asked|leaves?|needs?) of it\b": "name the noun",
    r"\bwhat has this\b|\bwhat (they|it|the filters) (pass|leave)\b": "name the noun",
    r"\blets? it pass\b": "selects",
}
"""Pattern of a phrase -> what to write instead."""

_ANY = re.compile("|".join(REJECTED), re.IGNORECASE)
_VERBATIM = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`|\]\([^)]*\)")
"""Code and link targets within a sentence."""


def rejected(text: str) -> list[str]:
    """Return the rejected phrases of a text, each with what to write instead."""
    if not _ANY.search(text):
        return []
    return [
        f"{phrase[0]!r}: write {better!r}"
        for pattern, better in REJECTED.items()
        for phrase in re.finditer(pattern, text, re.IGNORECASE)
    ]


def prose(text: str) -> str:
    """Return a page without code and without the targets of links."""
    return CODE.sub("CODE", _VERBATIM.sub("", text))
