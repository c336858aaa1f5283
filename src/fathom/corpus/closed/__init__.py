"""The closed world: an encyclopaedia that nothing in the real world corresponds to, with its exact ground truth.

`knowledge(config)` is the typed knowledge base, `documents(config)` its pages. Both are functions of the configuration
alone. Nothing in it exists, so no model can know it from elsewhere: fixture, load generator and training world in one.
"""
