"""Mutants of the theorem files: every constant, exponent and symbol changed in turn, every assumption dropped.

`make mutants` (or `python -m experiments.mutation`) prints what notices them, the kill rate and the survivors. New
theorems, and new fields of theorems, are found by walking.
"""
