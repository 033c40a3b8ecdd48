"""Policies composed from a base and what to leave out or to look at closer, in an order in which each rule counts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from kaudit_setup.errors import InputError
from kaudit_setup.model import NEWEST, OLDEST
from kaudit_setup.policy.build.render import Section, render
from kaudit_setup.policy.catalog import identities, requests, resources
from kaudit_setup.policy.classes.chart import Chart
from kaudit_setup.policy.compare import differences
from kaudit_setup.policy.lint import reachability
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import LEVELS, STAGES, GroupResources, Level, Policy, Rule, Stage

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

_SENSITIVE: Final[tuple[Kind, ...]] = (
    ("", "secrets"),
    ("", "configmaps"),
    ("", "serviceaccounts/token"),
    ("authentication.k8s.io", "tokenreviews"),
)
_SESSIONS: Final[tuple[Kind, ...]] = (("", "pods/exec"), ("", "pods/attach"), ("", "pods/portforward"))
_EVENTS: Final[tuple[Kind, ...]] = (("", "events"), ("events.k8s.io", "events"))
_COMPONENTS: Final = (
    "system:apiserver",
    "system:cloud-controller-manager",
    "system:kube-controller-manager",
    "system:kube-proxy",
    "system:kube-scheduler",
)


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


def parse_base(text: str) -> Base:
    """The base of that name; raises InputError."""
    for base in BASES:
        if text == base:
            return base
    raise InputError(f"there is no base {text!r}", hint=f"the bases are {', '.join(BASES)}")


def parse_kind(text: str) -> Kind:
    """`pods`, `pods/exec`, `deployments`, `deployments.apps`, `widgets.example.com/status`; raises InputError."""
    resource, slash, part = text.strip().partition("/")
    name, _, group = resource.partition(".")
    spec = f"{name}/{part}" if part else name
    words = (name, part) if slash else (name,)
    if not all(_WORD.fullmatch(word) for word in words) or not _GROUP.fullmatch(group):
        raise InputError(f"{text!r} is no resource", hint="write it as NAME, NAME.GROUP or NAME/SUBRESOURCE")
    if group:
        return ("" if group == "core" else group), spec
    home = resources.home(name)
    if home is None:
        every = [n for names in resources.GROUPS.values() for n in names]
        close = difflib.get_close_matches(name.lower(), every, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise InputError(f"no built-in API group has a resource {name!r}", hint=f"{meant}A custom one is NAME.GROUP")
    return home, spec


def parse_body(text: str) -> Body:
    """`pods:create=RequestResponse`, `deployments,jobs=Request`; raises InputError."""
    what, equals, level = text.partition("=")
    kinds, _, verbs = what.partition(":")
    found = {name.lower(): name for name in LEVELS}.get(level.strip().lower())
    if not equals or not kinds.strip() or found is None:
        raise InputError(
            f"{text!r} does not say which level which requests shall have",
            hint="write RESOURCE[,RESOURCE][:VERB,VERB]=Metadata|Request|RequestResponse, e.g. pods:create=Request",
        )
    listed = tuple(dict.fromkeys(v.strip() for v in verbs.split(",") if v.strip()))
    usual = [v for v in requests.RESOURCE_VERBS if v]
    for verb in listed:
        if verb not in usual:
            raise InputError(f"no request has the verb {verb!r}", hint=f"the verbs are {', '.join(usual)}")
    return Body(tuple(dict.fromkeys(parse_kind(k) for k in kinds.split(","))), listed, found)


def parse_stages(text: str) -> tuple[Stage, ...]:
    """`ResponseComplete,Panic`; raises InputError."""
    by_name: dict[str, Stage] = {stage.lower(): stage for stage in STAGES}
    found = []
    for word in text.split(","):
        stage = by_name.get(word.strip().lower())
        if stage is None:
            raise InputError(f"there is no stage {word.strip()!r}", hint=f"the stages are {', '.join(STAGES)}")
        found.append(stage)
    return tuple(found)


def build(recipe: Recipe) -> str:
    """The policy as YAML. Raises InputError where flags contradict each other or nothing would be logged."""
    _check(recipe)
    sections = _needed(recipe, _sections(recipe))
    text = render(recipe.command, _omitted(recipe), sections, _remarks(recipe))
    for version in (OLDEST, NEWEST):
        loaded = load(text.encode(), version)
        if loaded.policy is None or loaded.warnings:
            raise AssertionError(f"built a policy that {version} does not take: {loaded}")
    return text


def _check(recipe: Recipe) -> None:
    for name in recipe.namespaces:
        if not _WORD.fullmatch(name):
            raise InputError(f"{name!r} is no namespace", hint="lower-case letters, digits and dashes")
    if recipe.base == "none" and all(body.level == "None" for body in recipe.bodies):
        raise InputError("nothing would be logged", hint="add --body RESOURCE:VERB=LEVEL, or take another base")
    dropped = set(recipe.drop_resources) | (set(_EVENTS) if recipe.drop_events else set())
    for body in recipe.bodies:
        for group, spec in body.kinds:
            if (group, spec) in dropped:
                raise InputError(f"{spec} is both dropped and given a level by --body", hint="leave out one of them")
            if recipe.namespaces and (group, spec.partition("/")[0]) in resources.CLUSTER_SCOPED:
                raise InputError(f"{spec} has no namespace, so --only-namespace never fits it", hint="leave out one")


def _sections(recipe: Recipe) -> list[Section]:
    within = recipe.namespaces
    dropped = recipe.drop_resources
    found: list[Section] = []
    if recipe.drop_controllers:
        found.append(Section("The control plane's own users.", Rule("None", users=_COMPONENTS), drop=True))
        groups = (identities.KUBE_SYSTEM, *((identities.NODES,) if recipe.drop_nodes else ()))
        comment = "Controllers and add-ons: the service accounts of kube-system." + (
            " And kubelets." * recipe.drop_nodes
        )
        found.append(Section(comment, Rule("None", user_groups=groups), drop=True))
    elif recipe.drop_nodes:
        found.append(Section("Kubelets.", Rule("None", user_groups=(identities.NODES,)), drop=True))
    if dropped:
        found.append(Section("Not a word about these.", Rule("None", resources=_entries(dropped)), drop=True))
    events = [kind for kind in _EVENTS if kind not in dropped]
    if recipe.drop_events and events:
        found.append(
            Section("Events: numerous, and kubectl shows them.", Rule("None", resources=_entries(events)), drop=True)
        )
    if recipe.drop_health:
        found.append(Section("Health checks.", Rule("None", non_resource_urls=requests.HEALTH_URLS), drop=True))
    bodies = sorted(_merged(recipe.bodies), key=lambda b: (len(b.verbs) or 99, -LEVELS.index(b.level)))
    found += [_body(body, recipe) for body in bodies if body.verbs]
    if recipe.drop_reads:
        asked = {kind for body in bodies if "get" in body.verbs for kind in body.kinds} | set(dropped)
        sessions = [kind for kind in _SESSIONS if kind not in asked]
        if sessions and recipe.base != "none":
            rule = Rule("Metadata", verbs=("get",), resources=_entries(sessions), namespaces=within)
            comment = "Sessions over a websocket are GET requests (kubectl since 1.30): no reads to drop."
            found.append(Section(comment, rule))
        found.append(Section("Reads.", Rule("None", verbs=requests.READS), drop=True))
    found += [_body(body, recipe) for body in bodies if not body.verbs]
    whole = {kind for body in bodies if not body.verbs for kind in body.kinds}
    # with --only-namespace, what has no namespace is not logged anyway
    guarded = [
        kind
        for kind in _SENSITIVE
        if kind not in {*dropped, *whole} and not (within and kind in resources.CLUSTER_SCOPED)
    ]
    if guarded and recipe.base in {"request", "request-response"}:
        comment = "What holds secrets is never logged with its content."
        found.append(Section(comment, Rule("Metadata", resources=_entries(guarded), namespaces=within), drop=True))
    level = BASES[recipe.base]
    where = f" in {', '.join(recipe.namespaces)}" if recipe.namespaces else ""
    if level != "None":
        found.append(Section(f"Everything else{where}: {_MEANING[level]}.", Rule(level, namespaces=within)))
    if level == "None" or recipe.namespaces:
        found.append(Section("Nothing else.", Rule("None")))
    return found


_MEANING: Final[dict[Level, str]] = {
    "None": "nothing",
    "Metadata": "who, what, when, from where; no bodies",
    "Request": "who, what, when, from where, and what was sent",
    "RequestResponse": "who, what, when, from where, what was sent and what came back",
}


def _merged(bodies: Sequence[Body]) -> list[Body]:
    """Bodies of one level and the same verbs are one rule."""
    together: dict[tuple[tuple[str, ...], Level], dict[Kind, None]] = {}
    for body in bodies:
        together.setdefault((body.verbs, body.level), {}).update(dict.fromkeys(body.kinds))
    return [Body(tuple(kinds), verbs, level) for (verbs, level), kinds in together.items()]


def _body(body: Body, recipe: Recipe) -> Section:
    names = ", ".join(spec for _, spec in body.kinds)
    verbs = "/".join(body.verbs)
    rule = Rule(body.level, verbs=body.verbs, resources=_entries(body.kinds), namespaces=recipe.namespaces)
    said = f"{verbs} of {names}: {_MEANING[body.level]}." if verbs else f"{names}: {_MEANING[body.level]}."
    return Section(said[0].upper() + said[1:] if not verbs else said.capitalize(), rule, source=names)


def _entries(kinds: Sequence[Kind]) -> tuple[GroupResources, ...]:
    groups: dict[str, list[str]] = {}
    for group, spec in kinds:
        groups.setdefault(group, []).append(spec)
    return tuple(GroupResources(group, tuple(dict.fromkeys(specs))) for group, specs in groups.items())


def _omitted(recipe: Recipe) -> tuple[Stage, ...]:
    kept = recipe.stages or STAGES[1:]
    return tuple(stage for stage in STAGES if stage not in kept)


def _remarks(recipe: Recipe) -> list[str]:
    omitted = _omitted(recipe)
    found = []
    if "ResponseStarted" in omitted:
        found.append("Without ResponseStarted, failed logins leave no trace: it is the only stage they have.")
    if "ResponseComplete" in omitted:
        found.append("Without ResponseComplete, nobody knows how a request ended.")
    if recipe.namespaces:
        found.append("Nodes, volumes, ClusterRoles and lists over all namespaces have no namespace: not logged.")
    return found


def _needed(recipe: Recipe, sections: list[Section]) -> list[Section]:
    """Without the drops that change nothing; whatever else would never be reached is a contradiction."""

    def policy(some: Sequence[Section]) -> Policy:
        return Policy(tuple(section.rule for section in some), _omitted(recipe))

    index = 0
    while index < len(sections):
        without = sections[:index] + sections[index + 1 :]
        if sections[index].drop and without and not differences(policy(sections), policy(without)):
            sections = without
        else:
            index += 1
    chart = Chart(policy(sections), NEWEST)
    for finding in reachability.findings(chart):
        if finding.code in {"unreachable-rule", "matches-nothing"}:
            section = sections[finding.rule]
            raise InputError(
                f"the level for {section.source or 'a part of this policy'} would never count",
                hint="other flags already decide all of its requests; leave it out or change them",
            )
        if finding.code == "logs-nothing":
            raise InputError("nothing would be logged", hint="drop less")
    return [_trimmed(chart, i, section) for i, section in enumerate(sections)]


def _trimmed(chart: Chart, index: int, section: Section) -> Section:
    """Without those of its resources that earlier rules take anyway."""
    rule = section.rule
    kept = []
    for entry in rule.resources:
        specs = []
        for spec in entry.resources:
            alone = replace(rule, resources=(replace(entry, resources=(spec,)),))
            if chart.reached_by(alone, index):
                specs.append(spec)
        if specs:
            kept.append(replace(entry, resources=tuple(specs)))
    return replace(section, rule=replace(rule, resources=tuple(kept))) if kept else section
