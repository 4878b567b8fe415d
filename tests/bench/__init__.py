"""The benchmark: the join by ours and by what a user would pick instead, on the same files, cores and memory."""
