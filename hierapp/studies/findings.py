"""What the studies that ship have shown: claims in plain words, each with the verdicts that it rests on."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hierapp.errors import ConfigError
from hierapp.studies import library, rows, tables, verdicts
from hierapp.studies.spec import ALL, ENDPOINTS, Endpoint
from hierapp.studies.verdicts import Kind, Verdict
from hierapp.utils.reading import read_text

FILE = library.SHIPPED / "findings.toml"


class Evidence(BaseModel):
    """Comparisons of one study that a claim rests on.

    Attributes:
        study: the name of a study that ships with its results.
        first, second: groups that are compared; "*" as the first stands for all that are compared with the second.
        endpoint: what is compared.
        decoder: how the outputs of the first are read; those of the second, too, unless `second_decoder` is given.
        expected: what the tests have to say of each for the claim to stand.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    study: str
    first: str
    second: str
    endpoint: Endpoint
    decoder: str = "leaf"
    second_decoder: str = ""
    expected: tuple[Kind, ...] = Field(min_length=1)


class Finding(BaseModel):
    """A claim.

    Attributes:
        claim: one sentence.
        meaning: what follows from it, in plain words.
        limits: what it does not say.
        evidence: the verdicts that it rests on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    claim: str
    meaning: str
    limits: str
    evidence: tuple[Evidence, ...] = Field(min_length=1)


class Findings(BaseModel):
    """The content of `findings.toml`: the answer in three sentences, and the claims."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    question: str
    answer: tuple[str, str, str]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Supported:
    """A finding with the verdicts that it rests on, by the name of their study."""

    finding: Finding
    verdicts: Mapping[str, Sequence[Verdict]]


@cache
def load() -> Findings:
    """Return the findings that ship.

    Raises:
        ConfigError: if the file does not have the form of one.
    """
    try:
        return Findings.model_validate(tomllib.loads(read_text(FILE)))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"The file {FILE} cannot be used ({str(error).splitlines()[0]}); install again.") from None


@cache
def supported() -> tuple[Supported, ...]:
    """Return the findings with their verdicts, computed from the results that ship.

    Raises:
        ConfigError: if a claim rests on a comparison that its study does not have, or on another verdict than the
            tests give.
        StoreError: if the results of a study cannot be read.
    """
    return tuple(support(finding) for finding in load().findings)


def support(finding: Finding) -> Supported:
    """Return a finding with its verdicts; see `supported` for the errors."""
    found: dict[str, list[Verdict]] = {}
    for each in finding.evidence:
        found.setdefault(each.study, []).extend(_chosen(each))
    return Supported(finding, found)


@cache
def _judged(study: str) -> tuple[Verdict, ...]:
    if study not in library.shipped():
        raise ConfigError(f"A finding rests on the study {study!r}, which does not ship.")
    shipped = library.shipped()[study]
    return tuple(verdicts.verdicts(shipped, rows.read(library.shipped_csv(shipped))))


def _chosen(evidence: Evidence) -> list[Verdict]:
    decoders = (evidence.decoder, evidence.second_decoder or evidence.decoder)
    found = [
        each
        for each in _judged(evidence.study)
        if evidence.first in (ALL, each.first)
        and (each.second, each.endpoint) == (evidence.second, evidence.endpoint)
        and (each.first_decoder, each.second_decoder) == decoders
    ]
    if not found:
        raise ConfigError(
            f"A finding rests on {evidence.first} against {evidence.second} of the study {evidence.study} in"
            f" {evidence.endpoint}, read by {' and '.join(decoders)}, which it does not compare."
        )
    if other := next((each for each in found if each.verdict not in evidence.expected), None):
        raise ConfigError(
            f"A finding expects {' or '.join(evidence.expected)}, but the verdict of the study {evidence.study} is:"
            f" {other.sentence}"
        )
    return found


def markdown(found: Sequence[Supported]) -> str:
    """Return the findings as Markdown, each claim with a table of its verdicts."""
    lines: list[str] = []
    for number, each in enumerate(found, 1):
        lines += [f"### {number}. {each.finding.claim}", "", each.finding.meaning, ""]
        lines += [f"**Limits**: {each.finding.limits}", ""]
        for study, judged in each.verdicts.items():
            lines += [f"Study `{study}`, {judged[0].n} paired seeds:", "", tables.markdown(_table(judged)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(judged: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [
        {
            "setting": one.subject,
            "compared with": one.reference,
            "endpoint": ENDPOINTS[one.endpoint],
            "difference (95 % interval)": f"{one.difference:+.4f}"
            + ("" if one.low is None else f" ({one.low:+.4f} to {one.high:+.4f})"),
            "p": f"{one.p_corrected:.2g}",
            "p of equivalence": f"{one.p_equivalence_corrected:.2g}",
            "verdict": one.verdict,
        }
        for one in judged
    ]


def as_dicts(found: Sequence[Supported]) -> list[dict[str, Any]]:
    """Return the findings for JSON."""
    return [
        each.finding.model_dump(exclude={"evidence"})
        | {"verdicts": {study: [one.as_dict() for one in judged] for study, judged in each.verdicts.items()}}
        for each in found
    ]
