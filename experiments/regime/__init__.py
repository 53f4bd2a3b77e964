"""Where the predicted coupling of alpha and the oracle's error can be seen: S1 against problems built for it."""
