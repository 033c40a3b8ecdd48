"""Everything that alters one node: plan, backup, apply, verify, undo.

1. `nodestate` is the node as it was seen, its manifest read once. `status` judges it, for people.
2. `prepare` leads from what is asked for to a plan: `plan_enable` and `plan_restore` decide what changes, `plan` is
   the result, as data that a person can read. `preflight` finds what stands in the way, `forecast` how much will be
   logged.
3. `run/enact` carries it out: `script` turns the plan into one shell script, `backup` describes what was there,
   `expectation` says what must be true then, `verify` proves it on the node, `run/undo` takes it back if it is not.
4. `persist` writes the same settings into kubeadm's ConfigMap. `leftovers` is what broken runs and `disable` leave.
"""
