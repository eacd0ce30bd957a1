"""The command line: arguments in, text and exit codes out.

Entry point: `main.run(arguments) -> int`. Only this package imports click and rich,
and only this package prints. Commands import other packages inside their functions, because
start-up time is part of the product.
"""
