"""Where the values of a variant come from, or why it is excluded: `compile-matrix explain`."""
