"""Reinforcement learning on graded trajectories: strictly on-policy, outcome reward 0 or 1, leave-one-out baseline."""
