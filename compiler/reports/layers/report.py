"""Find the layers of the selected targets of a compiled project."""

import os
from dataclasses import replace
from pathlib import Path

from compiler.external.platforms import canonical_platform
from compiler.output.artifact import Compilation
from compiler.output.bake_resolved import ResolvedPlan
from compiler.render.templates import Templates
from compiler.reports.layers.advice import Adviser
from compiler.reports.layers.layers import Layers
from compiler.reports.layers.target_steps import TargetSteps
from compiler.source.project_files import Files
from compiler.targets.groups import Kind
from compiler.targets.target import Target


def find_layers(
    compiled: Compilation,
    resolved: ResolvedPlan,
    targets: tuple[Target, ...],
    platform: str,
    folder: str | os.PathLike[str],
    *,
    shown: str = "",
    advise: bool = True,
) -> Layers:
    """Return the steps of targets on one platform, with advice.

    Args:
        compiled: the project.
        resolved: its plan for the environment of bake.
        targets: the selected targets.
        platform: the platform that is built for.
        folder: the project's folder.
        shown: how diagnostics name that folder, in front of each path.
        advise: whether to look for advice.

    Raises:
        CompileError: a file of a context cannot be read.
    """
    platform = canonical_platform(platform) or platform
    known = TargetSteps(compiled, resolved, platform, folder, shown=shown)
    states = known.states([target.name for target in targets])
    steps = {name: tuple(state.steps.values()) for name, state in states.items()}
    groups = {
        group.name: group.targets for group in compiled.plan.groups if group.kind is Kind.PICKED
    }
    layers = Layers(platform=platform, targets=targets, steps=steps, groups=groups)
    if not advise:
        return layers
    templates = Templates(Files(Path(folder), shown))
    return replace(layers, advice=Adviser(known, targets, steps, templates).advise())
