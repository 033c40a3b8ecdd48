"""Many nodes: inventories, order, persistence, drift."""
