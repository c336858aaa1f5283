"""Training: a tokenizer, a small language model, continual pre-training, supervised fine-tuning, RL. Needs torch.

Everything that is trained on comes as `Row`s: token ids with a weight for each, and for RL an advantage and the
log-probability under the policy that sampled it. One builder makes rows of trajectories, one path makes batches of
rows, one step function trains on them.
"""
