"""Statistics of best step sizes and alphas found by experiment, with common random numbers.

Pure numpy and scipy. Shapes: `cells…` are leading dimensions (problems, oracles, deltas, …), then the points of the
grid, then the seeds; runs of one seed share their noise over all cells and points (`lmo/randomness.py`).
"""
