"""Questions from random walks over a knowledge graph, made foggy, with answers that are exact and unique."""
