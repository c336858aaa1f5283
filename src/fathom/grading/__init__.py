"""One grader for evaluation, rejection sampling and reward; checked citations, and the reports that show them."""
