"""What becomes of requests under a policy: proved over every class, never guessed from the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kaudit_setup.policy import phrasing
from kaudit_setup.policy.catalog import identities, resources
from kaudit_setup.policy.classes.need import AFTER_OR_DURING, Ask, Need
from kaudit_setup.policy.classes.regions import VERB, Box
from kaudit_setup.policy.classes.rule_map import RuleMap, total
from kaudit_setup.policy.classes.space import Space
from kaudit_setup.policy.evaluate import compile
from kaudit_setup.policy.lint.finding import Finding, Severity
from kaudit_setup.policy.model import STAGES, Attributes, Place, Rule
from kaudit_setup.policy.questions.requesters import region, uses
from kaudit_setup.policy.questions.table import QUESTIONS
from kaudit_setup.values import replace

_NODE: Final = ("system:node:some-node", (identities.AUTHENTICATED, identities.NODES))
_ACCOUNT: Final = (identities.AUTHENTICATED, identities.SERVICE_ACCOUNTS, identities.KUBE_SYSTEM)
# What a quiet cluster does all day: (code's end, what, request).
_NOISE: Final = (
    (
        "leases",
        "the leases that every node and controller renews every few seconds",
        Attributes(*_NODE, "update", "coordination.k8s.io", "leases", "", "kube-node-lease", "some-node"),
    ),
    (
        "events",
        "the events (Started, Pulled, …) that kubelets and controllers write",
        Attributes(*_NODE, "create", "", "events", "", "default", ""),
    ),
    (
        "endpointslices",
        "the endpoint slices that are rewritten whenever a Pod comes or goes",
        Attributes(
            "system:serviceaccount:kube-system:endpointslice-controller", _ACCOUNT,
            "update", "discovery.k8s.io", "endpointslices", "", "default", "some-slice",
        ),
    ),
)  # fmt: skip


def findings(rule_map: RuleMap) -> list[Finding]:
    """Every finding about what the rules do together."""
    nothing = list(_nothing(rule_map))
    if nothing:
        return [*nothing, *_reach(rule_map)]
    return [
        *_reach(rule_map),
        *_bodies(rule_map),
        *_losses(rule_map),
        *_health(rule_map),
        *_arguments(rule_map),
        *_volume(rule_map),
    ]


def _found(rule_map: RuleMap, index: int, code: str, severity: Severity, message: str, fix: str) -> Finding:
    return Finding(code, severity, message, fix, index, *rule_map.policy.place(index))


def _omitted(rule_map: RuleMap, index: int, stage: str) -> Place:
    """Where the stage is omitted: in the rule, or for the whole policy."""
    rule = rule_map.policy.rules[index]
    return rule.words.get(("omitStages", stage)) or rule_map.policy.words.get(("omitStages", stage)) or rule.place()


def _named(rule_map: RuleMap, indexes: Iterable[int]) -> str:
    return phrasing.listed([phrasing.rule_name(rule_map.policy, i) for i in indexes])


def _nothing(rule_map: RuleMap) -> Iterator[Finding]:
    deciding = [rule_map.decisions[index] for index, _ in rule_map.deciders(rule_map.space.requests())]
    if all(d.level == "None" or set(d.omit_stages) >= set(STAGES) for d in deciding):
        fix = "end with a rule `- level: Metadata`"
        yield _found(rule_map, -1, "logs-nothing", "error", "no request at all is logged", fix)


def _reach(rule_map: RuleMap) -> Iterator[Finding]:
    for index, rule in enumerate(rule_map.policy.rules):
        yield from _reach_of(rule_map, index, rule)
    for _, box in (d for d in rule_map.deciders(rule_map.space.requests()) if d[0] == -1):
        example = phrasing.request(rule_map.space.sample(box))
        message = f"no rule fits some requests, which are then not logged, e.g. {example}"
        fix = "end with a rule that only has a level, if it is None"
        yield _found(rule_map, -1, "no-catch-all", "warning", message, fix)


def _reach_of(rule_map: RuleMap, index: int, rule: Rule) -> Iterator[Finding]:
    name = phrasing.rule_name(rule_map.policy, index)
    matched = rule_map.matched(index)
    if not matched:
        message = f"{name} fits no request: {phrasing.scope(rule)}"
        yield _found(rule_map, index, "matches-nothing", "warning", message, "correct it or delete it")
    elif rule_map.reached(index) is None:
        takers = [i for i, _ in rule_map.deciders(matched) if i != index]
        message = f"{name} can never be reached: {_named(rule_map, takers)} decides every request that would fit it"
        fix = f"move it above {phrasing.rule_name(rule_map.policy, takers[0])}, or delete it"
        yield _found(rule_map, index, "unreachable-rule", "warning", message, fix)
    else:
        yield from _shadowed(rule_map, index, rule)
    if rule.level != "None" and set(rule_map.decisions[index].omit_stages) >= set(STAGES):
        message = f"{name} omits every stage, so that it writes no event"
        yield _found(
            rule_map, index, "no-stage-left", "warning", message, "keep ResponseComplete, or say level: None"
        )


def _shadowed(rule_map: RuleMap, index: int, rule: Rule) -> Iterator[Finding]:
    parts = [(entry, spec) for entry in rule.resources for spec in entry.resources]
    for entry, spec in parts if len(parts) > 1 else ():
        alone = replace(rule, resources=(replace(entry, resources=(spec,)),))
        takers = _takers(rule_map, index, alone)
        if takers:
            name = phrasing.rule_name(rule_map.policy, index)
            message = f"`{spec}` in {name} has no effect: {_named(rule_map, takers)} decides it before"
            found = _found(rule_map, index, "shadowed-resource", "info", message, "remove it here, or there")
            at = entry.place("resources", spec)
            yield replace(found, line=at.line, column=at.column) if at.line else found


def _takers(rule_map: RuleMap, index: int, rule: Rule) -> list[int]:
    """The rules that decide all of what this one, in the place of `index`, would match; none if it decides some."""
    matched = [real for box in rule_map.space.rule(rule) for real in rule_map.space.requests(box)]
    return [] if not matched or rule_map.reached_by(rule, index) else [i for i, _ in rule_map.deciders(matched)]


def _bodies(rule_map: RuleMap) -> Iterator[Finding]:
    space = rule_map.space
    reads, writes = ["get", "list"], ["create", "update", "patch"]
    secret, config = ("", "secrets"), ("", "configmaps")
    token, review = ("", "serviceaccounts/token"), ("authentication.k8s.io", "tokenreviews")
    fix = "put a rule before it: level Metadata for exactly these resources"

    def leaking(*asked: tuple[list[Box], Need]) -> list[int]:
        asks = [Ask(region(space, "anybody", *boxes), need) for boxes, need in asked]
        return list(dict.fromkeys(s.index for s in rule_map.shares(asks) if s.grade == "leaks"))

    read, write = Need(bodiless="read"), Need(bodiless="write")
    cases: tuple[tuple[str, Severity, str, list[int]], ...] = (
        (
            "secret-read-bodies",
            "error",
            "every Secret that anybody reads or lists, with its content",
            leaking((uses(space, reads, secret), read)),
        ),
        (
            "secret-bodies",
            "warning",
            "the content of Secrets that are created or changed",
            leaking((uses(space, writes, secret), write)),
        ),
        (
            "configmap-bodies",
            "warning",
            "the content of ConfigMaps",
            leaking((uses(space, reads, config), read), (uses(space, writes, config), write)),
        ),
        (
            "token-bodies",
            "warning",
            "bearer tokens that are still good (TokenReviews and tokens of service accounts)",
            leaking((uses(space, ["create"], review, cluster=True), write), (uses(space, ["create"], token), read)),
        ),
    )  # fmt: skip
    for code, severity, what, indexes in cases:
        for index in indexes:
            name = phrasing.rule_name(rule_map.policy, index)
            yield _found(rule_map, index, code, severity, f"{name} writes into the log: {what}", fix)


def _asks(space: Space, question: str) -> list[Ask]:
    return list(next(q for q in QUESTIONS if q.id == question).asks(space))


def _losses(rule_map: RuleMap) -> Iterator[Finding]:
    yield from _exec_over_get(rule_map)
    yield from _failed_logins(rule_map)
    yield from _cluster_scoped(rule_map)


def _failed_logins(rule_map: RuleMap) -> Iterator[Finding]:
    for share in rule_map.shares(_asks(rule_map.space, "login-failed")):
        decision = rule_map.decisions[share.index]
        if share.grade != "no" or decision.level == "None" or set(decision.omit_stages) == set(STAGES):
            continue
        whole = "ResponseStarted" in rule_map.policy.omit_stages
        name = "the policy" if whole else phrasing.rule_name(rule_map.policy, share.index)
        message = f"{name} omits ResponseStarted, the only stage of a failed login (401)"
        fix = "omit it only in rules that name users or userGroups, which a failed login never fits"
        found = _found(rule_map, -1 if whole else share.index, "failed-logins-lost", "warning", message, fix)
        at = _omitted(rule_map, share.index, "ResponseStarted")
        yield replace(found, line=at.line, column=at.column)


def _cluster_scoped(rule_map: RuleMap) -> Iterator[Finding]:
    limited = [i for i, r in enumerate(rule_map.policy.rules) if r.level != "None" and r.namespaces]
    limited = [i for i in limited if "" not in rule_map.policy.rules[i].namespaces]
    kinds = ((resources.RBAC, "clusterrolebindings"), ("", "nodes"))
    boxes = uses(rule_map.space, ["create", "update", "delete"], *kinds, cluster=True)
    if limited and total(rule_map.shares([Ask(region(rule_map.space, "person", *boxes))])) == "no":
        message = (
            f"{_named(rule_map, limited)} names namespaces, and nothing logs objects that have none"
            " (nodes, volumes, ClusterRoleBindings) or lists over all namespaces"
        )
        fix = 'add "" to `namespaces`, or a rule without'
        yield _found(rule_map, limited[0], "cluster-scoped-lost", "warning", message, fix)


def _exec_over_get(rule_map: RuleMap) -> Iterator[Finding]:
    parts = ("exec", "attach", "portforward")
    lost = {part: _lost_over_get(rule_map, part) for part in parts}
    for index in sorted(set[int]().union(*lost.values())):
        here = [part for part in parts if index in lost[part]]
        dropped = (
            f"{phrasing.rule_name(rule_map.policy, index)} drops reads, and with them"
            if index >= 0
            else "reads that no rule matches are not logged, nor are"
        )
        message = f"{dropped} {', '.join(here)} over a websocket, which is a GET (kubectl since 1.30)"
        where = "put a rule before it" if index >= 0 else "add a rule"
        fix = f"{where} that logs {', '.join(f'pods/{part}' for part in here)}"
        yield _found(rule_map, index, "exec-over-get-lost", "warning", message, fix)


def _lost_over_get(rule_map: RuleMap, part: str) -> set[int]:
    """The rules that do not log such a session if it is a GET, where it would be logged if it were a POST."""
    verbs = rule_map.space.verbs.bit
    need, lost = Need(stages=AFTER_OR_DURING), set[int]()
    asked = region(rule_map.space, "outsider", *uses(rule_map.space, ["get"], ("", f"pods/{part}")))
    for index, box in rule_map.decided(asked):
        if index in lost or need.grade(rule_map.decisions[index]) != "no" or not box.at[VERB] & verbs["get"]:
            continue
        posted = box._replace(at=tuple(verbs["create"] if i == VERB else m for i, m in enumerate(box.at)))
        if total(rule_map.shares([Ask((posted,), need)])) != "no":
            lost.add(index)
    return lost


def _health(rule_map: RuleMap) -> Iterator[Finding]:
    decide = compile(rule_map.policy, rule_map.space.version)

    def asked(path: str) -> int:
        a = Attributes(identities.ANONYMOUS, (identities.UNAUTHENTICATED,), "get", is_resource=False, path=path)
        return decide(a).rule_index

    dropping = asked("/healthz")
    if (
        dropping < 0
        or rule_map.decisions[dropping].level != "None"
        or not rule_map.policy.rules[dropping].non_resource_urls
    ):
        return
    missed = [path for path in ("/livez", "/readyz") if rule_map.decisions[asked(path)].level != "None"]
    if missed:
        message = f"{phrasing.rule_name(rule_map.policy, dropping)} drops /healthz, but not {' and '.join(missed)}"
        fix = f"add {', '.join(f'{path}*' for path in missed)}: that is what kubelets ask today"
        yield _found(rule_map, dropping, "health-without-livez", "warning", message, fix)


def _arguments(rule_map: RuleMap) -> Iterator[Finding]:
    """The URI is written at every level, with its query (staging/src/k8s.io/apiserver/pkg/audit/request.go)."""
    kinds = (("", "pods/exec"), ("", "pods/attach"), ("", "pods/proxy"), ("", "services/proxy"))
    asked = region(rule_map.space, "anybody", *uses(rule_map.space, ["create", "get"], *kinds))
    shares = rule_map.shares([Ask(asked, Need(stages=AFTER_OR_DURING))])
    logging = list(dict.fromkeys(share.index for share in shares if share.grade != "no"))
    if logging:
        message = (
            f"{_named(rule_map, logging)} writes requestURI, and in it the arguments of exec (--token=... too) and"
            " the queries of proxied URLs, at every level"
        )
        fix = "keep secrets out of arguments and URLs, and the log from those who may not see them"
        yield _found(rule_map, logging[0], "arguments-logged", "info", message, fix)


def _volume(rule_map: RuleMap) -> Iterator[Finding]:
    doubled = [
        i for i in sorted(i for i, _ in rule_map.deciders(rule_map.space.requests())) if _keeps_both(rule_map, i)
    ]
    if doubled:
        message = f"{_named(rule_map, doubled)} keeps RequestReceived: every request is logged twice"
        fix = "omitStages: [RequestReceived]; the later event says all that it says"
        yield _found(rule_map, doubled[0], "request-received-kept", "warning", message, fix)
    decide = compile(rule_map.policy, rule_map.space.version)
    for name, what, request in _NOISE:
        decision = decide(request)
        if decision.level != "None" and "ResponseComplete" not in decision.omit_stages:
            message = f"{phrasing.rule_name(rule_map.policy, decision.rule_index)} logs {what}"
            fix = f"drop {name} with a rule of level None before it"
            yield _found(rule_map, decision.rule_index, f"noise-{name}", "info", message, fix)


def _keeps_both(rule_map: RuleMap, index: int) -> bool:
    """Whether the rule logs requests as they come in and once more as they are done."""
    decision = rule_map.decisions[index]
    both = not {"RequestReceived", "ResponseComplete"} & set(decision.omit_stages)
    return index >= 0 and decision.level != "None" and both
