"""Attacks on a claimed bound: what is claimed, small instances with exact constants, search, and replayable cases."""
