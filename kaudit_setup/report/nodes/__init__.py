"""What commands say of nodes: plans, outcomes, states, proofs, backups."""
