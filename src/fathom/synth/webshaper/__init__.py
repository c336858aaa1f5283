"""Questions as formulas over a knowledge base."""
