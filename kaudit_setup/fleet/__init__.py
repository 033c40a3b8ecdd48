"""Many nodes: inventories, order, persistence, drift.

`inventory` reads the project's own format (`own_inventory`) or Ansible's (`ansible`). `survey` looks at all nodes at
the same time, `group` finds out which of them are one cluster. `plans` are what will be done, `rollout` does it one
node at a time (`runs`) and tells what happens as `events`; `kubeadm_config` stores a cluster's settings. `status`
and `drift` say what state nodes are in, and how they differ.
"""
