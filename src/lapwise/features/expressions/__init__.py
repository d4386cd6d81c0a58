"""On-demand features: what an expression may say, and its form for one row."""
