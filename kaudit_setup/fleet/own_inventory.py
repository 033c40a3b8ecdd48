"""The project's own inventory: clusters, their hosts, and how to reach them.

    user: admin                    # defaults for all; each may stand in a cluster and in a host, too
    proxyJump: bastion.example.com
    clusters:
      production:
        audit: {policy: production, log-maxage: 90}    # for `apply` and `status`; may stand at the top, too
        hosts:
          - cp[1:3].example.com
          - root@10.0.0.4:2222
          - {name: cp5, host: 10.0.0.5, identityFile: ~/.ssh/cp5}
    hosts: [lab1, lab2]            # of no cluster in particular

The name of a cluster is a claim: nodes below one name must carry the same cluster CA. A key of `audit` is a flag of
kube-apiserver without `audit-`; `policy` is a preset or a file beside the inventory, `policy-path` its path on nodes,
`log-group` the group that may read the log.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from itertools import chain

from kaudit_setup.fleet.drift import LOG_GROUP
from kaudit_setup.fleet.hosts import (
    AuditClaim,
    Host,
    Inventory,
    Problems,
    expand,
    port_number,
    split_address,
    unique,
    with_text,
)
from kaudit_setup.manifest.flagtable import table
from kaudit_setup.model import POLICY_FLAG
from kaudit_setup.values import replace
from kaudit_setup.yamltext import Fields, Items, Marked, Scalar

_CONNECTION = {
    "user": "user",
    "port": "port",
    "identityFile": "identity_file",
    "proxyJump": "proxy_jump",
    "proxyCommand": "proxy_command",
    "knownHostsFile": "known_hosts_file",
}

_FLAGS = {name.removeprefix("audit-"): name for name in table() if name != POLICY_FLAG} | {"policy-path": POLICY_FLAG}
"""A key below `audit` → the flag of kube-apiserver."""


def is_own(root: Marked | None) -> bool:
    """Whether this is the project's own format: `clusters`, or `hosts` as a list, at the top.

    In Ansible's YAML every key at the top is a group, whose value is a mapping of hosts, children and vars.
    """
    return isinstance(root, Fields) and any(_is_own_key(key.text, value) for key, value in root.fields)


def _is_own_key(key: str, value: Marked) -> bool:
    if key == "hosts":
        return isinstance(value, Items)
    return key == "clusters" and not _is_ansible_group(value)


def _is_ansible_group(value: Marked) -> bool:
    return isinstance(value, Fields) and any(
        key.text in {"hosts", "children", "vars"} and not isinstance(part, Items) and _maps_of_maps(part)
        for key, part in value.fields
    )


def _maps_of_maps(part: Marked) -> bool:
    # `clusters: {hosts: {hosts: [...]}}` is a cluster that somebody named "hosts"
    return isinstance(part, Fields) and not any(
        key.text == "hosts" and isinstance(v, Items) for key, v in part.fields
    )


def parse(root: Marked | None, only: Sequence[str], problems: Problems) -> Inventory:
    """The hosts of the file; `only` names the clusters that are wanted, empty for all. Problems are collected."""
    if not isinstance(root, Fields):
        problems.add(0, "the inventory is empty")
        return Inventory(())
    defaults = _settings(root, {"clusters", "hosts", "audit"}, Host("", ""), problems)
    defaults = _with_audit(root, defaults, problems)
    found = [entry for key, value in root.fields for entry in _under(key, value, defaults, problems)]
    _check_names(only, [name for name, _ in found if name], problems)
    hosts = [host for name, hosts in found if not only or name in only for host in hosts]
    if not hosts and not problems.found:
        problems.add(root.line, "the inventory names no host")
    return Inventory(unique(hosts))


def _check_names(only: Sequence[str], names: Sequence[str], problems: Problems) -> None:
    for wanted in only:
        if wanted not in names:
            problems.add(0, f"no cluster {wanted!r} in this inventory (clusters: {', '.join(names) or 'none'})")


def _under(key: Scalar, value: Marked, defaults: Host, problems: Problems) -> list[tuple[str, list[Host]]]:
    """What stands below a key at the top: each cluster's name and hosts; the name is empty for those of none."""
    if key.text == "hosts":
        return [("", _hosts(value, defaults, problems))]
    if key.text != "clusters":
        return []
    return [(name.text, _cluster(name, body, defaults, problems)) for name, body in _clusters(value, problems)]


def _cluster(name: Scalar, body: Fields, defaults: Host, problems: Problems) -> list[Host]:
    settings = _settings(body, {"hosts", "audit"}, replace(defaults, cluster=name.text), problems)
    settings = _with_audit(body, settings, problems)
    found = [_hosts(value, settings, problems) for key, value in body.fields if key.text == "hosts"]
    if not found:
        problems.add(name.line, f"cluster {name.text!r} has no hosts")
    return list(chain.from_iterable(found))


def _with_audit(fields: Fields, base: Host, problems: Problems) -> Host:
    """`base` with the settings below `audit`, which add to those from further out."""
    found = [(key, value) for key, value in fields.fields if key.text == "audit"]
    for key, value in found:
        if isinstance(value, Fields):
            base = replace(base, audit=_audit(value, base.audit or AuditClaim(), problems))
        else:
            problems.add(
                key.line, "audit must map settings to values, as `audit: {policy: production, log-maxage: 90}`"
            )
    return base


def _audit(fields: Fields, base: AuditClaim, problems: Problems) -> AuditClaim:
    found: dict[str, str] = {}
    for key, value in _known_fields(fields, ["policy", LOG_GROUP, *_FLAGS], problems):
        found[key.text] = _text(key, value, problems)
    policy = found.pop("policy", base.policy)
    group = found.pop(LOG_GROUP, base.log_group)
    if not policy:
        problems.add(fields.line, "audit must name a policy, as `audit: {policy: production}`")
    flags = dict(base.flags) | {_FLAGS[key]: value for key, value in found.items()}
    return AuditClaim(policy, tuple(sorted(flags.items())), group)


def _text(key: Scalar, value: Marked, problems: Problems) -> str:
    if isinstance(value, Scalar) and not value.null:
        return value.text
    problems.add(key.line, f"{key.text} must have a value")
    return ""


def _clusters(value: Marked, problems: Problems) -> list[tuple[Scalar, Fields]]:
    if not isinstance(value, Fields):
        problems.add(value.line, "clusters must map a name to its hosts, as `production: {hosts: [cp1, cp2]}`")
        return []
    found: list[tuple[Scalar, Fields]] = []
    for name, body in value.fields:
        if name.text in [earlier.text for earlier, _ in found]:
            problems.add(name.line, f"cluster {name.text!r} is given twice")
        if isinstance(body, Items):
            # the shortest way to say it: `production: [cp1, cp2]`
            body = Fields(((Scalar("hosts", body.line), body),), body.line)
        if isinstance(body, Fields):
            found.append((name, body))
        else:
            problems.add(name.line, f"cluster {name.text!r} must have hosts, as `{name.text}: {{hosts: [cp1, cp2]}}`")
    return found


def _settings(fields: Fields, other: set[str], base: Host, problems: Problems) -> Host:
    """`base` with the connection settings of `fields`; `other` are the keys that have their own reader."""
    host = base
    seen: set[str] = set()
    for key, value in _known_fields(fields, [*_CONNECTION, *other], problems):
        seen.add(key.text)
        if key.text in _CONNECTION:
            host = _with_setting(host, key, value, problems)
    if {"proxyJump", "proxyCommand"} <= seen:
        problems.add(fields.line, "proxyJump and proxyCommand exclude each other")
        return host
    # one takes the place of the other from further out
    instead = {"proxyJump": replace(host, proxy_command=""), "proxyCommand": replace(host, proxy_jump="")}
    return next((instead[name] for name in instead if name in seen), host)


def _known_fields(fields: Fields, known: Sequence[str], problems: Problems) -> Iterator[tuple[Scalar, Marked]]:
    """Those with a key of `known`; other keys and doubled ones are problems."""
    seen: set[str] = set()
    for key, value in fields.fields:
        if key.text in seen:
            problems.add(key.line, f"{key.text!r} is given twice")
        seen.add(key.text)
        if key.text in known:
            yield key, value
        else:
            problems.add(key.line, _unknown(key.text, known))


def _unknown(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.5)
    return f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _with_setting(host: Host, key: Scalar, value: Marked, problems: Problems) -> Host:
    if not isinstance(value, Scalar) or value.null or not value.text:
        problems.add(key.line, f"{key.text} must have a value")
        return host
    if key.text != "port":
        return with_text(host, _CONNECTION[key.text], value.text)
    try:
        return replace(host, port=port_number(value.text))
    except ValueError as error:
        problems.add(value.line, str(error))
        return host


def _hosts(value: Marked, defaults: Host, problems: Problems) -> list[Host]:
    if not isinstance(value, Items):
        problems.add(value.line, "hosts must be a list, as `hosts: [cp1, cp2]`")
        return []
    found: list[Host] = []
    for item in value.items:
        host, spelled = _mapped(item, defaults, problems) if isinstance(item, Fields) else (defaults, item)
        if isinstance(spelled, Scalar) and spelled.text:
            found += _spelled(spelled, host, problems)
        else:
            problems.add(item.line, "a host is `[USER@]HOST[:PORT]`, or a mapping with `host`")
    return found


def _mapped(item: Fields, defaults: Host, problems: Problems) -> tuple[Host, Marked]:
    """A host as a mapping: its settings, and how its address is written."""
    host = _settings(item, {"name", "host"}, defaults, problems)
    named = {k.text: v for k, v in item.fields if k.text in {"name", "host"}}
    name = named.get("name")
    if isinstance(name, Scalar):
        host = replace(host, name=name.text)
    return host, named.get("host", named.get("name", item))


def _spelled(text: Scalar, base: Host, problems: Problems) -> list[Host]:
    try:
        hosts = [_host(name, base, problems.where(text.line)) for name in _expanded(text.text)]
    except ValueError as error:
        problems.add(text.line, str(error))
        return []
    if base.name and len(hosts) > 1:
        problems.add(text.line, f"{text.text!r} is several hosts, but they have one name, {base.name!r}")
    return hosts


def _host(written: str, base: Host, where: str) -> Host:
    """Raises ValueError."""
    user, address, port = split_address(written)
    host = replace(base, name=base.name or address, address=address, where=where)
    return replace(host, user=user or base.user, port=port or base.port)


def _expanded(text: str) -> list[str]:
    """Every host of a range; an IPv6 address in brackets is not a range. Raises ValueError."""
    if text.partition("@")[2].startswith("["):
        return [text]
    if not text.startswith("["):
        return expand(text)
    try:
        split_address(text)
    except ValueError:
        return expand(text)
    return [text]
