"""`compile-matrix schema`: print the JSON Schema of matrix.yaml."""

import click

from compiler.cli.common_options import Command


@click.command("schema", cls=Command)
def schema_() -> None:
    """Print the JSON Schema of matrix.yaml, for editors and validators.

    An editor's YAML language server reads it if matrix.yaml starts with this line:

    \b
      # yaml-language-server: $schema=matrix.schema.json

    \b
    Examples:
      compile-matrix schema > matrix.schema.json
      check-jsonschema --schemafile matrix.schema.json matrix.yaml
    """
    from compiler.matrix.json_schema import schema_text

    click.echo(schema_text(), nl=False)
