"""One grader for evaluation, rejection sampling and reward; citations that are checked, and the reports that show it."""
