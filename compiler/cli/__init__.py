"""The command line: arguments in, text and exit codes out.

Entry point: `main.run(arguments) -> int`. The only package that knows click and rich, and the only
one that prints. A command imports what it needs inside its function: start-up time counts.
"""
