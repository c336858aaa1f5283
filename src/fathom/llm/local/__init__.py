"""Models whose weights are in this process, in torch: sampled here, trained in `fathom.train`."""
