"""How the passive liveness network was made: simulated attacks, training, conversion. No unit runs any of it."""
