"""Every primitive, killed at every point: `make crash-matrix` writes the table, the suite runs some of it each time."""
