"""Lessons about the oracles in use: one lesson = one file, `data()` for its figure and `findings(data)`."""
