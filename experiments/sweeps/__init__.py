"""Sweeps: grids of runs, computed in batches, stored as they come, resumed after any end."""
