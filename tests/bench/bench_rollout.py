"""What `enable` costs on three real control-plane nodes of one cluster, beside three times the by-hand floor of one.

A client asks all three servers for /readyz every 100 ms meanwhile: there must never be fewer than two that are ready.

Run by `make bench`; KAUDIT_E2E_SSH_CONFIG and KAUDIT_E2E_HOSTS="A B C" name other nodes than the lab's.
"""

from __future__ import annotations

import os
import statistics

from byhand import by_hand, fresh, row, stamp, tool
from poller import Poller
from reallab import MANIFEST, POLICY, running

ROUNDS = int(os.environ.get("ROUNDS", "2"))
COUNT = 3


def main() -> None:
    """Measure, and print the table."""
    with running(COUNT) as lab:
        nodes = [lab.node(host) for host in lab.hosts]
        named = [word for node in nodes for word in ("--host", node.name)]
        on = ("enable", "--policy", "metadata", "--ssh-config", str(lab.ssh_config), "--yes", *named)
        off = ("disable", *on[3:])
        plain = {node.name: node.manifest for node in nodes}
        addresses = [node.sh(f'sed -n "s/.*--advertise-address=//p" {MANIFEST}').strip() for node in nodes]
        for node in nodes:
            node.settle(audited=False)
        # the first run makes Python's caches
        tool(*on, "--dry-run", allowed=(3,))
        floors: list[float] = []
        rollouts: list[float] = []
        fewest, rounds = COUNT, 0
        for turn in range(1, ROUNDS + 1):
            for node in nodes:
                fresh(node, plain[node.name], f"{turn}t")
            with Poller(addresses) as poller:
                rollouts.append(tool(*on).seconds)
            fewest, rounds = min(fewest, poller.fewest), rounds + poller.rounds
            audited, policy = nodes[0].manifest, nodes[0].read(POLICY)
            tool(*off)
            # with a manifest that never ran: kubelet would hold it back
            fresh(nodes[0], plain[nodes[0].name], f"{turn}h")
            own = audited.replace(stamp(f"{turn}t"), stamp(f"{turn}h"))
            floors.append(by_hand(lab, nodes[0], own, policy).floor)
        for node in nodes:
            fresh(node, plain[node.name], "last")
            node.write(MANIFEST, plain[node.name])

    floor, took = statistics.median(floors), statistics.median(rollouts)
    promised = COUNT * floor + 5
    print(f"medians of {ROUNDS} rounds on {COUNT} nodes of one cluster\n")
    row("by hand on one node: rename to event and /readyz", f"{floor:.2f} s")
    row(
        "enable on three nodes, everything included",
        f"{took:.2f} s",
        f"3 x floor + 5 s = {promised:.2f} s",
        took <= promised,
    )
    row("rollout / 3 x by hand", f"{took / COUNT / floor:.2f} x")
    row("fewest ready at once", f"{fewest} of {COUNT}", "2", fewest >= COUNT - 1)
    row("times that all three were asked", str(rounds))


if __name__ == "__main__":
    main()
