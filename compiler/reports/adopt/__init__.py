"""A first matrix.yaml from other build definitions: `compile-matrix init --from`."""
