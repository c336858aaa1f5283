"""The vocabulary every other package speaks: messages, trajectories, tasks, budgets, errors, events.

Nothing in here opens a socket or imports torch.
"""
