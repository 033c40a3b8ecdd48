"""Each finding's code: with a policy that has it, and the fixed one that has not."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy import presets
from kaudit_setup.policy.lint import lint
from kaudit_setup.policy.lint.codes import CODES
from kaudit_setup.policy.lint.examples import EXAMPLES
from kaudit_setup.policy.lint.finding import Finding
from kaudit_setup.policy.load import load

ROOT = Path(__file__).resolve().parents[3]
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
RULES = "omitStages: [RequestReceived]\nrules:\n"
LAST = "- level: Metadata\n"


def findings(text: str, version: KubeVersion = NEWEST) -> tuple[Finding, ...]:
    return lint(load((HEAD + text).encode(), version), version)


def rules(*texts: str) -> str:
    return RULES + "".join(f"- {{{text}}}\n" for text in texts)


def core(*names: str) -> str:
    return f'resources: [{{group: "", resources: [{", ".join(names)}]}}]'


@dataclass(frozen=True)
class Case:
    code: str
    severity: str
    line: int
    bad: str
    good: str


NONE, ALL = "level: None", "level: Metadata"
CASES = [
    Case("logs-nothing", "error", 5, rules(NONE), rules(ALL)),
    Case("logs-nothing", "error", 5, rules(NONE, ALL), rules(f"{NONE}, users: [x]", ALL)),
    Case("unreachable-rule", "warning", 6, rules(ALL, f"{NONE}, users: [x]"), rules(f"{NONE}, users: [x]", ALL)),
    Case(
        "unreachable-rule",
        "warning",
        7,
        rules(
            f"{NONE}, verbs: [get, list], {core('pods')}",
            f"{NONE}, verbs: [watch], {core('pods')}",
            f"{ALL}, verbs: [get, watch], {core('pods')}",
            ALL,
        ),
        rules(
            f"{NONE}, verbs: [get, list], {core('pods')}",
            f"{NONE}, verbs: [watch], {core('pods')}, namespaces: [a]",
            f"{ALL}, verbs: [get, watch], {core('pods')}",
            ALL,
        ),
    ),
    Case(
        "matches-nothing",
        "warning",
        5,
        rules(f"{NONE}, verbs: [connect], {core('pods')}", ALL),
        rules(f"{NONE}, verbs: [get], {core('pods')}", ALL),
    ),
    Case(
        "shadowed-resource",
        "info",
        6,
        rules(f"{NONE}, {core('secrets')}", f"{ALL}, {core('secrets', 'configmaps')}", NONE),
        rules(f"{NONE}, {core('secrets')}", f"{ALL}, {core('pods', 'configmaps')}", NONE),
    ),
    Case(
        "no-stage-left",
        "warning",
        5,
        rules(f"{ALL}, users: [x], omitStages: [ResponseStarted, ResponseComplete, Panic]", ALL),
        rules(ALL),
    ),
    Case("no-catch-all", "warning", 5, rules(f"{ALL}, {core('pods')}"), rules(f"{ALL}, {core('pods')}", NONE)),
    Case(
        "core-group-name",
        "warning",
        5,
        rules("level: None, resources: [{group: core, resources: [pods]}]", ALL),
        rules(ALL),
    ),
    Case(
        "unknown-resource",
        "warning",
        5,
        rules(f"{NONE}, {core('deployments')}", ALL),
        rules("level: None, resources: [{group: apps, resources: [deployments]}]", ALL),
    ),
    Case(
        "unknown-resource", "warning", 5, rules(f"{NONE}, {core('pod')}", ALL), rules(f"{NONE}, {core('pods')}", ALL)
    ),
    Case(
        "unknown-resource",
        "warning",
        5,
        rules("level: None, resources: [{group: policy, resources: [pods/eviction]}]", ALL),
        rules(f"{NONE}, {core('pods/eviction')}", ALL),
    ),
    Case(
        "unknown-subresource",
        "warning",
        5,
        rules(f"{NONE}, {core('pods/exce')}", ALL),
        rules(f"{NONE}, {core('pods/exec')}", ALL),
    ),
    Case(
        "dead-pattern",
        "warning",
        5,
        rules(f"{NONE}, {core(repr('pods/*/x'))}", ALL),
        rules(f"{NONE}, {core(repr('pods/*'))}", ALL),
    ),
    Case(
        "dead-pattern",
        "warning",
        5,
        rules(f"{NONE}, {core(repr('*/*'))}", ALL),
        rules(f"{NONE}, {core(repr('*'))}", ALL),
    ),
    Case(
        "dead-pattern",
        "warning",
        5,
        rules(f"{NONE}, {core(repr('service*'))}", ALL),
        rules(f"{NONE}, {core('services')}", ALL),
    ),
    Case(
        "star-includes-parent",
        "info",
        5,
        rules(f"{NONE}, {core(repr('pods/*'))}", ALL),
        rules(f"{NONE}, {core('pods', repr('pods/*'))}", ALL),
    ),
    Case(
        "literal-wildcard",
        "warning",
        5,
        rules("level: None, users: ['system:serviceaccount:kube-system:*']", ALL),
        rules("level: None, userGroups: ['system:serviceaccounts:kube-system']", ALL),
    ),
    Case(
        "literal-wildcard",
        "warning",
        5,
        rules(f"{NONE}, verbs: ['*'], {core('pods')}", ALL),
        rules(f"{NONE}, {core('pods')}", ALL),
    ),
    Case(
        "literal-wildcard",
        "warning",
        5,
        rules("level: None, namespaces: ['kube-*']", ALL),
        rules("level: None, namespaces: ['kube-system']", ALL),
    ),
    Case(
        "literal-wildcard",
        "warning",
        5,
        rules('level: None, resources: [{group: "", resources: [pods], resourceNames: ["a*"]}]', ALL),
        rules('level: None, resources: [{group: "", resources: [pods], resourceNames: [a]}]', ALL),
    ),
    Case(
        "unknown-verb", "warning", 5, rules(f"{NONE}, verbs: [impersonate]", ALL), rules(f"{NONE}, verbs: [get]", ALL)
    ),
    Case(
        "unknown-verb",
        "warning",
        5,
        rules("level: None, verbs: [list], nonResourceURLs: [/metrics]", ALL),
        rules("level: None, verbs: [post], nonResourceURLs: [/metrics]", ALL),
    ),
    Case(
        "unknown-verb",
        "warning",
        5,
        rules(f"{NONE}, verbs: [GET], {core('pods')}", ALL),
        rules(f"{NONE}, verbs: [get], {core('pods')}", ALL),
    ),
    Case(
        "gone-identity",
        "warning",
        5,
        rules("level: None, users: ['system:unsecured']", ALL),
        rules("level: None, users: ['system:kube-proxy']", ALL),
    ),
    Case(
        "gone-identity",
        "warning",
        5,
        rules("level: None, userGroups: ['system:kubelets']", ALL),
        rules("level: None, userGroups: ['system:nodes']", ALL),
    ),
    Case(
        "group-as-user",
        "warning",
        5,
        rules("level: None, users: ['system:nodes']", ALL),
        rules("level: None, userGroups: ['system:nodes']", ALL),
    ),
    Case(
        "cluster-resource-in-namespace",
        "warning",
        5,
        rules(f"{NONE}, {core('nodes')}, namespaces: [a]", ALL),
        rules(f"{NONE}, {core('nodes')}, namespaces: [a, '']", ALL),
    ),
    Case(
        "cluster-scoped-lost",
        "warning",
        5,
        rules(f"{ALL}, namespaces: [a]", NONE),
        rules(f"{ALL}, namespaces: [a, '']", NONE),
    ),
    Case(
        "names-on-nameless-verb",
        "warning",
        5,
        rules('level: None, verbs: [create], resources: [{group: "", resources: [pods], resourceNames: [a]}]', ALL),
        rules('level: None, verbs: [get], resources: [{group: "", resources: [pods], resourceNames: [a]}]', ALL),
    ),
    Case(
        "names-on-nameless-verb",
        "warning",
        5,
        rules('level: None, verbs: [list], resources: [{group: "", resources: [pods], resourceNames: [a]}]', ALL),
        rules(
            'level: None, verbs: [create], resources: [{group: "", resources: [pods/exec], resourceNames: [a]}]', ALL
        ),
    ),
    Case(
        "url-never",
        "warning",
        5,
        rules("level: None, nonResourceURLs: ['/version?timeout=5s']", ALL),
        rules("level: None, nonResourceURLs: [/version]", ALL),
    ),
    Case(
        "url-is-resource",
        "warning",
        5,
        rules("level: None, nonResourceURLs: [/api/v1/pods*]", ALL),
        rules("level: None, nonResourceURLs: [/api/v1]", ALL),
    ),
    Case(
        "url-misses-base",
        "info",
        5,
        rules("level: None, nonResourceURLs: [/readyz/*]", ALL),
        rules("level: None, nonResourceURLs: [/readyz, /readyz/*]", ALL),
    ),
    Case(
        "health-without-livez",
        "warning",
        5,
        rules("level: None, nonResourceURLs: [/healthz*]", ALL),
        rules("level: None, nonResourceURLs: [/healthz*, /livez*, /readyz*]", ALL),
    ),
    Case(
        "secret-read-bodies",
        "error",
        5,
        rules("level: RequestResponse"),
        rules("level: None, verbs: [get, list]", "level: RequestResponse"),
    ),
    Case(
        "secret-bodies", "warning", 5, rules("level: Request"), rules(f"{ALL}, {core('secrets')}", "level: Request")
    ),
    Case(
        "configmap-bodies",
        "warning",
        5,
        rules("level: Request"),
        rules(f"{ALL}, {core('configmaps')}", "level: Request"),
    ),
    Case(
        "token-bodies",
        "warning",
        5,
        rules("level: Request"),
        rules("level: Metadata, resources: [{group: authentication.k8s.io}]", "level: Request"),
    ),
    Case(
        "token-bodies",
        "warning",
        6,
        rules("level: Metadata, resources: [{group: authentication.k8s.io}]", "level: RequestResponse"),
        rules(
            "level: Metadata, resources: [{group: authentication.k8s.io}]",
            f"{ALL}, {core('serviceaccounts/token')}",
            "level: RequestResponse",
        ),
    ),
    Case(
        "exec-over-get-lost",
        "warning",
        5,
        rules("level: None, verbs: [get, list, watch]", ALL),
        rules(
            f"{ALL}, {core('pods/exec', 'pods/attach', 'pods/portforward')}",
            "level: None, verbs: [get, list, watch]",
            ALL,
        ),
    ),
    Case(
        "failed-logins-lost",
        "warning",
        3,
        "omitStages: [RequestReceived, ResponseStarted]\nrules:\n" + LAST,
        RULES + LAST,
    ),
    Case(
        "failed-logins-lost",
        "warning",
        5,
        rules(f"{ALL}, omitStages: [ResponseStarted]"),
        rules(f"{ALL}, omitStages: [ResponseStarted], userGroups: ['system:authenticated']", ALL),
    ),
    Case("request-received-kept", "warning", 4, "rules:\n" + LAST, RULES + LAST),
    Case("noise-leases", "info", 5, rules(ALL), rules("level: None, resources: [{group: coordination.k8s.io}]", ALL)),
    Case("noise-events", "info", 5, rules(ALL), rules(f"{NONE}, {core('events')}", ALL)),
    Case(
        "noise-endpointslices",
        "info",
        5,
        rules(ALL),
        rules("level: None, userGroups: ['system:serviceaccounts:kube-system']", ALL),
    ),
    Case("unknown-field", "warning", 5, rules("level: None, user: [x]", ALL), rules("level: None, users: [x]", ALL)),
    Case("duplicate-key", "warning", 5, rules("level: None, level: Metadata"), rules(ALL)),
    Case("ignored-document", "warning", 6, RULES + LAST + "---\n" + LAST, RULES + LAST),
    Case("does-not-load", "error", 5, rules("level: metadata"), rules(ALL)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.code)
def test_a_finding_is_there_and_goes_with_the_mend(case: Case) -> None:
    found = [f for f in findings(case.bad) if f.code == case.code]
    assert found, [f.code for f in findings(case.bad)]
    assert found[0].severity == case.severity
    assert found[0].line == case.line, found[0]
    assert found[0].message
    assert found[0].fix
    assert case.code not in {f.code for f in findings(case.good)}


POINTED = [
    (rules("level: None, verbs: [get, reed]", ALL), "reed]"),
    (rules("level: None, users: [alice, 'system:nodes']", ALL), "'system:nodes'"),
    (rules("level: None, userGroups: ['a*']", ALL), "'a*'"),
    (rules("level: None, namespaces: [a, 'kube-*']", ALL), "'kube-*'"),
    (rules('level: None, resources: [{group: "", resources: [pods, pod]}]', ALL), "pod]"),
    (rules("level: None, resources: [{group: core, resources: [pods]}]", ALL), "core,"),
    (rules('level: None, resources: [{group: "", resources: [pods], resourceNames: [a, "b*"]}]', ALL), '"b*"'),
    (rules("level: None, nonResourceURLs: [/version, '/a?b']", ALL), "'/a?b'"),
    (rules("level: None, verbs: [get, list], resources: [{resources: [pods], resourceNames: [a]}]", ALL), "list],"),
    (rules(f"{NONE}, namespaces: [a], {core('pods', 'nodes')}", ALL), "nodes]"),
    (rules(f"{NONE}, {core('pods')}", f"{ALL}, {core('secrets', 'pods')}", ALL), "pods]}]}"),
    (rules(f"{ALL}, omitStages: [Panic, ResponseStarted]"), "ResponseStarted]"),
    (rules("level: None, user: [x]", ALL), "user:"),
    (rules("level: metadata"), "metadata"),
    (RULES + "  - level: Metadata\n  - level: None\n", "level: None"),
    (RULES + "- level: None\n", "- level: None"),
    ("rules:\n- level: Metadata\n  verbs:\n  - get\n  - reed\n- level: Metadata\n", "reed"),
]


@pytest.mark.parametrize(("text", "pointed"), POINTED, ids=[pointed for _, pointed in POINTED])
def test_a_finding_points_at_the_word(text: str, pointed: str) -> None:
    lines = (HEAD + text).splitlines()
    places = [lines[f.line - 1][f.column - 1 :] for f in findings(text)]
    assert [place for place in places if place.startswith(pointed)], places


def test_the_column_counts_characters_not_bytes() -> None:
    text = rules("level: None, users: ['ääää', 'system:nodes']", ALL)
    (found,) = [f for f in findings(text) if f.code == "group-as-user"]
    assert (HEAD + text).splitlines()[found.line - 1][found.column - 1 :].startswith("'system:nodes'")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_an_example_that_has_it(code: str) -> None:
    example = EXAMPLES[code]
    found = lint(load(example.text.encode(), example.version), example.version)
    (first, *_) = [f for f in found if f.code == code]
    assert first.line > 0
    assert first.column > 0


@pytest.mark.parametrize("path", sorted((ROOT / "tests/data/oracle").glob("load*.jsonl")), ids=lambda p: p.name)
def test_whatever_is_found_has_a_code_that_is_explained(path: Path) -> None:
    for text in re.findall(r'"file": *"([A-Za-z0-9+/=]+)"', path.read_text()):
        found = lint(load(base64.b64decode(text)))
        assert {f.code for f in found} <= set(CODES)


@pytest.mark.parametrize(
    ("version", "text", "code"),
    [
        (KubeVersion(1, 20), rules(f"{NONE}, {core('pods/resize')}", ALL), "version"),
        (
            KubeVersion(1, 36),
            rules("level: None, resources: [{group: extensions, resources: [ingresses]}]", ALL),
            "version",
        ),
        (KubeVersion(1, 22), "omitManagedFields: true\n" + rules(ALL), "newer-field"),
    ],
)
def test_what_a_version_does_not_know(version: KubeVersion, text: str, code: str) -> None:
    assert code in {f.code for f in findings(text, version)}
    other = KubeVersion(1, 36) if version < KubeVersion(1, 32) else KubeVersion(1, 20)
    assert code not in {f.code for f in findings(text, other)}


def test_an_unreachable_rule_names_who_takes_its_requests() -> None:
    found = next(f for f in findings(rules(ALL, "level: None, users: [x]")) if f.code == "unreachable-rule")
    assert found.rule == 1
    assert "rule 1 (line 5) decides every request" in found.message
    assert found.fix == "move it above rule 1 (line 5), or delete it"


def test_reads_that_were_never_logged_by_post_either_lose_nothing_over_get() -> None:
    limited = rules(f"{NONE}, verbs: [get]", f"{ALL}, namespaces: [a]", NONE)
    assert [f.rule for f in findings(limited) if f.code == "exec-over-get-lost"] == [0]
    apart = rules(f"{ALL}, namespaces: [a]", NONE)
    assert not [f for f in findings(apart) if f.code == "exec-over-get-lost"]


def test_what_no_rule_matches_is_said_so_and_not_dropped_by_no_rule() -> None:
    (found,) = [f for f in findings(rules(f"{ALL}, verbs: [create]")) if f.code == "exec-over-get-lost"]
    assert found.rule == -1
    assert found.message.startswith("reads that no rule matches are not logged, nor are exec, attach, portforward")
    assert found.fix == "add a rule that logs pods/exec, pods/attach, pods/portforward"


def test_the_gravest_comes_first() -> None:
    found = findings("rules:\n- level: RequestResponse\n")
    order = ["error", "warning", "info"]
    assert [f.severity for f in found] == sorted((f.severity for f in found), key=order.index)
    assert found[0].code == "secret-read-bodies"


ARGUMENTS = "arguments-logged"
PRESETS: dict[str, set[str]] = {
    "forensics": {ARGUMENTS},
    "cis": {ARGUMENTS},
    "quiet": {ARGUMENTS},
    "metadata": {ARGUMENTS, "noise-leases", "noise-events", "noise-endpointslices"},
    "no-secrets": {ARGUMENTS, "noise-leases", "noise-events", "noise-endpointslices"},
    "production": {ARGUMENTS, "cluster-scoped-lost"},
    "writes": {
        ARGUMENTS, "configmap-bodies", "exec-over-get-lost", "noise-endpointslices", "request-received-kept",
        "secret-bodies", "token-bodies",
    },
    "gce": {ARGUMENTS, "gone-identity", "health-without-livez", "noise-leases", "noise-endpointslices"},
    "panic-only": {"failed-logins-lost"},
}  # fmt: skip


@pytest.mark.parametrize("minor", range(20, 37))
@pytest.mark.parametrize("name", presets.names())
def test_presets_load_everywhere_and_have_only_the_findings_listed_here(name: str, minor: int) -> None:
    version = KubeVersion(1, minor)
    found = lint(load(presets.read(name)[1], version), version)
    assert {f.code for f in found} == PRESETS[name]
    assert not [f for f in found if f.severity == "error"]
