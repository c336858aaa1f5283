"""The examination of a model before its first run: what it can do, not what its card says.

Every probe asks the model through the `ChatModel` protocol, so it measures whatever stands behind it: an endpoint, the
embedded model, a scripted one. `examine` runs them all and gives a `ModelProfile` with findings.
"""
