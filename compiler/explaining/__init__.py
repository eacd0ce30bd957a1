"""Why a variant is as it is, or is not at all: `compile-matrix explain`."""
