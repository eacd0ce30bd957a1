"""Read YAML, JSON, TOML and the files of the project as data with locations.

    source = Source.parse(content, "matrix.yaml")

Entry points: `document.Source.parse`, `data_files.load_data`, `project_files.Files`. Input is
untrusted: for any bytes, the result is data or diagnostics. No other package reads YAML.
"""
