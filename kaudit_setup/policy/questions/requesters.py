"""The requesters that questions are about, and the regions of their requests.

- *a person*: whose name does not begin with `system:` (but anonymous and `system:admin`) and who is in no group
  of programs; that is what "by hand" means;
- *an outsider*: a person, or a service account of any namespace but kube-system;
- *anybody*: everyone whose authentication succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from kaudit_setup.policy.catalog import identities
from kaudit_setup.policy.classes.regions import Box, intersections
from kaudit_setup.policy.classes.space import Space

Who = Literal["person", "service account", "outsider", "anybody", "nobody", "pod maker", "scheduler"]


def requesters(space: Space, who: Who) -> list[Box]:
    """The users and groups of these requesters."""
    users, groups = space.users, space.groups
    people = users.where(identities.is_person) & ~space.nobody
    programs = groups.where(identities.is_program_group)
    accounts = users.where(lambda u: identities.is_service_account(u) and not identities.is_component(u))
    member = groups.mask

    def exactly(*needed: str) -> Box:
        # a program's groups come from its kind of credential, and are no others
        return space.box()._replace(
            never=groups.all & ~member([identities.AUTHENTICATED, *needed]), some=tuple(member([n]) for n in needed)
        )

    person = space.box(user=people)._replace(never=programs)
    homes = groups.where(lambda g: g.startswith(f"{identities.SERVICE_ACCOUNTS}:") and g != identities.KUBE_SYSTEM)
    some_account = exactly(identities.SERVICE_ACCOUNTS)
    account = some_account._replace(at=space.box(user=accounts).at, never=some_account.never & ~homes)
    controller = exactly(identities.SERVICE_ACCOUNTS, identities.KUBE_SYSTEM)._replace(
        at=space.box(user=users.mask(identities.POD_MAKERS)).at
    )
    scheduler = exactly()._replace(at=space.box(user=users.mask([identities.SCHEDULER])).at)
    return {
        "person": [person],
        "service account": [account],
        "outsider": [person, account],
        "anybody": [space.box(user=users.all & ~space.nobody)],
        "nobody": [space.box(user=space.nobody)],
        "pod maker": [controller],
        "scheduler": [scheduler],
    }[who]


def region(space: Space, who: Who, *boxes: Box) -> tuple[Box, ...]:
    """Those of the boxes' requests that are real and come from these requesters."""
    asked = intersections(requesters(space, who), boxes)
    return tuple(found for box in asked for found in space.requests(box))


def uses(space: Space, verbs: Iterable[str], *kinds: tuple[str, str], cluster: bool = False) -> list[Box]:
    """Requests with these verbs to these kinds, with a namespace and a name where such a request has them."""
    where = space.kinds(*kinds)
    nowhere, unnamed = space.namespaces.bit[""], space.names.bit[""]
    found = []
    for verb in verbs:
        namespace = nowhere if cluster else space.namespaces.all & ~nowhere
        name = space.names.all & ~unnamed
        if verb in {"list", "watch"}:
            # over all namespaces too; a name may come from a field selector
            namespace, name = namespace | nowhere, space.names.all
        elif verb == "deletecollection" or (verb == "create" and not any("/" in spec for _, spec in kinds)):
            name = unnamed
        found.append(space.box(verb=space.verbs.bit[verb], where=where, namespace=namespace, name=name))
    return found
