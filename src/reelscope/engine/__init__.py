"""Running a plan: which member runs where, in what order, and what happens when one fails."""
