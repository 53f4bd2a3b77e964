"""The coupling study: best step size, best alpha and value of tuned runs as functions of the oracle's error."""
