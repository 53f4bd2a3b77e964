"""Mutants of the theorem files: every constant, exponent and symbol changed, every assumption dropped, and what notices it.

`make mutants` (or `python -m experiments.mutation`) prints the kill rate and the survivors. New theorems, and new
fields of theorems, are found by walking.
"""
