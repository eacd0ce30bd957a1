"""Send signals to a program together with the programs that it has started."""

import os


def signal_group(group: int, number: int) -> bool:
    """Send a signal to all processes of a group; return whether any process exists."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS denies access to a group of zombies
        return False
    return True
