"""The rules of a built policy, in the order in which they stand: whoever comes first decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from kaudit_setup.policy.build.recipe import BASES, EVENTS, Body, Kind, Recipe
from kaudit_setup.policy.build.render import Section
from kaudit_setup.policy.catalog import identities, requests, resources
from kaudit_setup.policy.model import LEVELS, GroupResources, Level, Rule

_SENSITIVE: Final[tuple[Kind, ...]] = (
    ("", "secrets"),
    ("", "configmaps"),
    ("", "serviceaccounts/token"),
    ("authentication.k8s.io", "tokenreviews"),
)
_SESSIONS: Final[tuple[Kind, ...]] = (("", "pods/exec"), ("", "pods/attach"), ("", "pods/portforward"))
_COMPONENTS: Final = (
    "system:apiserver",
    "system:cloud-controller-manager",
    "system:kube-controller-manager",
    "system:kube-proxy",
    "system:kube-scheduler",
)
_MEANING: Final[dict[Level, str]] = {
    "None": "nothing",
    "Metadata": "who, what, when, from where; no bodies",
    "Request": "who, what, when, from where, and what was sent",
    "RequestResponse": "who, what, when, from where, what was sent and what came back",
}


def sections(recipe: Recipe) -> list[Section]:
    """Every rule that the recipe may need, with what it is for."""
    return [section for make in _ORDER for section in make(recipe)]


def _control_plane(recipe: Recipe) -> Iterator[Section]:
    if recipe.drop_controllers:
        yield _drop("The control plane's own users.", Rule("None", users=_COMPONENTS))


def _programs(recipe: Recipe) -> Iterator[Section]:
    if recipe.drop_controllers:
        groups = (identities.KUBE_SYSTEM, *((identities.NODES,) if recipe.drop_nodes else ()))
        comment = "Controllers and add-ons: the service accounts of kube-system."
        yield _drop(comment + " And kubelets." * recipe.drop_nodes, Rule("None", user_groups=groups))
    elif recipe.drop_nodes:
        yield _drop("Kubelets.", Rule("None", user_groups=(identities.NODES,)))


def _dropped(recipe: Recipe) -> Iterator[Section]:
    if recipe.drop_resources:
        yield _drop("Not a word about these.", Rule("None", resources=_entries(recipe.drop_resources)))


def _events(recipe: Recipe) -> Iterator[Section]:
    events = [kind for kind in EVENTS if kind not in recipe.drop_resources]
    if recipe.drop_events and events:
        yield _drop("Events: numerous, and kubectl shows them.", Rule("None", resources=_entries(events)))


def _health(recipe: Recipe) -> Iterator[Section]:
    if recipe.drop_health:
        yield _drop("Health checks.", Rule("None", non_resource_urls=requests.HEALTH_URLS))


def _bodies_of_verbs(recipe: Recipe) -> Iterator[Section]:
    return (_body(body, recipe) for body in _merged(recipe.bodies) if body.verbs)


def _sessions(recipe: Recipe) -> Iterator[Section]:
    asked = {kind for body in recipe.bodies if "get" in body.verbs for kind in body.kinds}
    sessions = [kind for kind in _SESSIONS if kind not in asked and kind not in recipe.drop_resources]
    if recipe.drop_reads and sessions and recipe.base != "none":
        rule = Rule("Metadata", verbs=("get",), resources=_entries(sessions), namespaces=recipe.namespaces)
        yield Section("Sessions over a websocket are GET requests (kubectl since 1.30): no reads to drop.", rule)


def _reads(recipe: Recipe) -> Iterator[Section]:
    if recipe.drop_reads:
        yield _drop("Reads.", Rule("None", verbs=requests.READS))


def _bodies(recipe: Recipe) -> Iterator[Section]:
    return (_body(body, recipe) for body in _merged(recipe.bodies) if not body.verbs)


def _sensitive(recipe: Recipe) -> Iterator[Section]:
    decided = {kind for body in recipe.bodies if not body.verbs for kind in body.kinds} | {*recipe.drop_resources}
    # with --only-namespace, what has no namespace is not logged anyway
    outside = resources.CLUSTER_SCOPED if recipe.namespaces else frozenset[Kind]()
    kinds = [kind for kind in _SENSITIVE if kind not in decided | outside]
    if kinds and recipe.base in {"request", "request-response"}:
        rule = Rule("Metadata", resources=_entries(kinds), namespaces=recipe.namespaces)
        yield _drop("What holds secrets is never logged with its content.", rule)


def _everything_else(recipe: Recipe) -> Iterator[Section]:
    level = BASES[recipe.base]
    where = f" in {', '.join(recipe.namespaces)}" if recipe.namespaces else ""
    if level != "None":
        yield Section(f"Everything else{where}: {_MEANING[level]}.", Rule(level, namespaces=recipe.namespaces))


def _nothing_else(recipe: Recipe) -> Iterator[Section]:
    if recipe.base == "none" or recipe.namespaces:
        yield Section("Nothing else.", Rule("None"))


_ORDER: Final[tuple[Callable[[Recipe], Iterator[Section]], ...]] = (
    _control_plane,
    _programs,
    _dropped,
    _events,
    _health,
    _bodies_of_verbs,
    _sessions,
    _reads,
    _bodies,
    _sensitive,
    _everything_else,
    _nothing_else,
)


def _drop(comment: str, rule: Rule) -> Section:
    return Section(comment, rule, drop=True)


def _merged(bodies: Sequence[Body]) -> list[Body]:
    """One for each level and set of verbs; what asks for few verbs or much content comes first."""
    together: dict[tuple[tuple[str, ...], Level], dict[Kind, None]] = {}
    for body in bodies:
        together.setdefault((body.verbs, body.level), {}).update(dict.fromkeys(body.kinds))
    bodies = [Body(tuple(kinds), verbs, level) for (verbs, level), kinds in together.items()]
    return sorted(bodies, key=lambda b: (len(b.verbs) or 99, -LEVELS.index(b.level)))


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
