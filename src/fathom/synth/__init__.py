"""Making training data: questions whose answers are known, trajectories that answer them, samples to train on."""
