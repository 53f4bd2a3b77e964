"""What `lmo oracle` and `lmo plan` do: matrices, oracles by specs, their errors measured and certified, their cost."""
