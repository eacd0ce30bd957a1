"""`compile-matrix schema`: print the JSON Schema of matrix.yaml."""

import click


@click.command("schema")
def schema_() -> None:
    """Print the JSON Schema of matrix.yaml, for editors and checks.

    An editor's YAML server finds it by the first line of matrix.yaml:

    \b
      # yaml-language-server: $schema=matrix.schema.json

    \b
    Examples:
      compile-matrix schema > matrix.schema.json
      check-jsonschema --schemafile matrix.schema.json matrix.yaml
    """
    from compiler.matrix.json_schema import schema_text

    click.echo(schema_text(), nl=False)
