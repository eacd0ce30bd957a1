"""Why a variant is as it is, or why it does not exist: `compile-matrix explain`."""
