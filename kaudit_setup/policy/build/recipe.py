"""What `policy build` is asked for, from the words of its flags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from kaudit_setup.errors import InputError
from kaudit_setup.policy.catalog import requests, resources
from kaudit_setup.policy.catalog.spelling import spelling
from kaudit_setup.policy.model import LEVELS, STAGES, Level, Stage

Base = Literal["metadata", "request", "request-response", "none"]
BASES: Final[dict[Base, Level]] = {
    "metadata": "Metadata",
    "request": "Request",
    "request-response": "RequestResponse",
    "none": "None",
}
_WORD: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_GROUP: Final = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?")
Kind = tuple[str, str]  # group, resource or resource/subresource
EVENTS: Final[tuple[Kind, ...]] = (("", "events"), ("events.k8s.io", "events"))


@dataclass(frozen=True, slots=True)
class Body:
    """`--body KINDS[:VERBS]=LEVEL`: a level of their own for some requests; no verbs means all."""

    kinds: tuple[Kind, ...]
    verbs: tuple[str, ...]
    level: Level


@dataclass(frozen=True, slots=True)
class Recipe:
    """What `policy build` was asked for. Empty `stages` means all but RequestReceived."""

    base: Base = "metadata"
    namespaces: tuple[str, ...] = ()
    drop_resources: tuple[Kind, ...] = ()
    drop_reads: bool = False
    drop_controllers: bool = False
    drop_nodes: bool = False
    drop_events: bool = False
    drop_health: bool = False
    stages: tuple[Stage, ...] = ()
    bodies: tuple[Body, ...] = ()
    command: str = "kaudit-setup policy build"

    @property
    def omitted(self) -> tuple[Stage, ...]:
        """The stages that the policy leaves out."""
        kept = self.stages or STAGES[1:]
        return tuple(stage for stage in STAGES if stage not in kept)


def parse_base(text: str) -> Base:
    """The base of that name; raises InputError."""
    for base in BASES:
        if text == base:
            return base
    raise InputError(f"unknown base {text!r}", hint=f"the bases are {', '.join(BASES)}")


def parse_kind(text: str) -> Kind:
    """`pods`, `pods/exec`, `deployments`, `deployments.apps`, `widgets.example.com/status`; raises InputError."""
    resource, slash, part = text.strip().partition("/")
    spelled = spelling(resource)
    words = (spelled.word, part) if slash else (spelled.word,)
    if not all(_WORD.fullmatch(word) for word in words) or not _GROUP.fullmatch(spelled.group or ""):
        raise InputError(f"{text!r} is not a resource", hint="write it as NAME, NAME.GROUP or NAME/SUBRESOURCE")
    group, name = spelled.place()
    return group, f"{name}/{part}" if part else name


def parse_body(text: str) -> Body:
    """`pods:create=RequestResponse`, `deployments,jobs=Request`; raises InputError."""
    what, equals, level = text.partition("=")
    kinds, _, verbs = what.partition(":")
    found = {name.lower(): name for name in LEVELS}.get(level.strip().lower())
    if not equals or not kinds.strip() or found is None:
        raise InputError(
            f"{text!r} does not give requests a level",
            hint="write RESOURCE[,RESOURCE][:VERB,VERB]=Metadata|Request|RequestResponse, e.g. pods:create=Request",
        )
    return Body(tuple(dict.fromkeys(map(parse_kind, kinds.split(",")))), _parse_verbs(verbs), found)


def _parse_verbs(text: str) -> tuple[str, ...]:
    listed = tuple(dict.fromkeys(v.strip() for v in text.split(",") if v.strip()))
    usual = [v for v in requests.RESOURCE_VERBS if v]
    for verb in listed:
        if verb not in usual:
            raise InputError(f"no request has the verb {verb!r}", hint=requests.verb_meant(verb))
    return listed


def parse_stages(text: str) -> tuple[Stage, ...]:
    """`ResponseComplete,Panic`; raises InputError."""
    by_name: dict[str, Stage] = {stage.lower(): stage for stage in STAGES}
    found = []
    for word in text.split(","):
        stage = by_name.get(word.strip().lower())
        if stage is None:
            raise InputError(f"unknown stage {word.strip()!r}", hint=f"the stages are {', '.join(STAGES)}")
        found.append(stage)
    return tuple(found)


def check(recipe: Recipe) -> None:
    """Raises InputError where the flags contradict each other."""
    for name in recipe.namespaces:
        if not _WORD.fullmatch(name):
            raise InputError(f"{name!r} is not a namespace", hint="lower-case letters, digits and dashes")
    if recipe.base == "none" and all(body.level == "None" for body in recipe.bodies):
        raise InputError("nothing would be logged", hint="add --body RESOURCE:VERB=LEVEL, or take another base")
    for body in recipe.bodies:
        for kind in body.kinds:
            _check_body(recipe, kind)


def _check_body(recipe: Recipe, kind: Kind) -> None:
    group, spec = kind
    if kind in recipe.drop_resources or (recipe.drop_events and kind in EVENTS):
        raise InputError(f"{spec} is both dropped and given a level by --body", hint="leave out one of them")
    if recipe.namespaces and (group, spec.partition("/")[0]) in resources.CLUSTER_SCOPED:
        raise InputError(f"{spec} has no namespace, so --only-namespace never fits it", hint="leave out one")
