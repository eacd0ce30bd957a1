"""Bytes -> data that knows where it was written: YAML, JSON, TOML, and the project's files.

    source = Source.parse(content, "matrix.yaml")

Entry points: `document.Source.parse`, `data_files.load_data`, `project_files.Files`. Input is
untrusted: whatever the bytes are, the result is data or diagnostics. No other package reads YAML.
"""
