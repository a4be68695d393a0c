"""Which complexity measures order the generalization gaps of networks, and how surely that is known."""
