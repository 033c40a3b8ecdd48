"""Who did it, from audit logs: `engine.ask(EventLog(logs), Question(...))` gives an `Answer` with its evidence.

The way of a question through the modules:

1. `engine.ask` makes an index of the log (`evidence.index`) and searches it once for the object in its namespace, for
   the owners that its name allows, and for requests that hold no name (`first_search`). Where a person made the
   object by name, only the first is needed: a log that is read as a whole keeps the other lines for later
   (`evidence.search`), a store is not asked for them. A line of the log becomes a `Request` with the facts that its
   bodies tell (`evidence.requests`, `evidence.bodies`).
2. "created": `creation` finds the object's own create. `owner_chain` goes up from there. `owners` says whose each
   object is; the table `OWNER_RULES` names, by the kind of the owner, the rule that says what its controller followed
   (`controllers`).
3. "deleted": `deletion/request` finds it, unless it was a dry run (`dry_runs`). If a controller sent it, the table
   `CONTROLLER_RULES` in `deletion/rules` names the rule that says why. "changed", "read", "exec" and "touched":
   `object_requests` lists the requests and picks one of them; changes that changed nothing (`no_op_updates`) do not
   count.
4. A rule takes a case and gives a finding: links of the chain, the root (the first who is not a controller), notes,
   and what to ask next; or None where it does not apply (`chain`). A link is certain if bodies prove it, else
   inferred; the chain is as sure as its weakest link. Every time span that a rule goes by is in `timing`.
5. Where nobody is found, `unanswered` says why: nobody did it, the log begins later, the policy left it out, or the
   log of a node is missing. `answer` holds the result, `sentence` says it in words.

To add the rule for a new controller, write one function in `controllers` and one row in `OWNER_RULES` (for what it
makes) or in `CONTROLLER_RULES` (for what it deletes). The controller's name belongs in `evidence.actors`, the names
that it gives in `evidence.owner_names`. `user_activity` answers the other question: what did one user do.
"""
