"""matrix.yaml as a checked `Matrix`: the model, patterns, templated strings, the JSON Schema.

    matrix = load(source, files)

Entry points: `load.load`, `json_schema.schema_text`. After loading, every name exists, every
pattern is resolved to values, and every string is parsed. Only this package knows pydantic-core.
"""
