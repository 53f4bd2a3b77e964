"""Worst-case constructions: problems with an adversary that answers for the oracle."""
