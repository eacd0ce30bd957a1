"""Walk the instructions of the stages that a build needs, and name the steps among them."""

import posixpath

from compiler.external.addresses import is_address, is_folder
from compiler.external.platforms import canonical_platform
from compiler.external.references import context_name, lookup_name
from compiler.render.build_steps import (
    EXECUTED,
    Build,
    ImageState,
    KnownStates,
    Step,
    image_name,
    name_of,
)
from compiler.render.canonical import EPOCH, instruction_inputs
from compiler.render.dockerfile import Instruction, ParsedDockerfile, Stage, Word, read
from compiler.render.instruction_reads import Source, is_heredoc, sources
from compiler.render.onbuild_heredocs import trigger
from compiler.render.stages import automatic_arguments, stage_numbers
from compiler.render.step_inputs import base_name, documents, is_linked, without_source
from compiler.render.step_words import absolute, expand, is_unknown
from compiler.render.variables import Variables


_OTHER = frozenset({"--from", "--link"})
"""Flags of `COPY` that say where files come from, not what happens to them."""


_CHANGING = EXECUTED | {"ARG", "ENV", "WORKDIR", "USER", "SHELL", "ONBUILD"}
"""Instructions that steps below them can depend on."""


class StageWalk:
    """Walks the stages of one Dockerfile, each when the build first needs it."""

    def __init__(self, parsed: ParsedDockerfile, build: Build, known: KnownStates) -> None:
        """Take the Dockerfile, what it is built with, and the states that are known for that."""
        self._parsed, self._build, self._escape = parsed, build, parsed.escape
        self._known = known
        self._named = {context_name(name): value for name, value in build.contexts.items()}
        self._numbers = stage_numbers(parsed.stages)
        self._states: dict[int, ImageState] = {}
        automatic = automatic_arguments(build.platform, build.stage, builder=build.platform)
        self._globals = {
            name: build.arguments.get(name, value) for name, value in automatic.items()
        }
        for argument in parsed.arguments:
            if argument.name in build.arguments:
                self._globals[argument.name] = build.arguments[argument.name]
            elif argument.default is not None:
                value = expand(argument.default, self._globals, "", self._escape)
                self._globals[argument.name] = value

    def final(self) -> ImageState:
        """Return the state of the stage that is built."""
        last = len(self._parsed.stages) - 1
        return self._stage(self._numbers.get(self._build.stage.lower(), last))

    def _stage(self, number: int) -> ImageState:
        if number not in self._states:
            self._states[number] = self._walk(number)
        return self._states[number]

    def _walk(self, number: int) -> ImageState:
        stage = self._parsed.stages[number]
        if stage.name and self._is_named(stage.name):
            return self._image(stage.name, self._build.platform)
        state = self._base(stage, number)
        inherited = tuple(read(f"FROM x\n{line}\n").instructions[1] for line in state.triggers)
        if inherited:
            state = state._replace(triggers=())
        for n, step in enumerate((*inherited, *stage.instructions)):
            if n < len(inherited):
                step = step._replace(line=stage.base.line)  # noqa: PLW2901
            state = self._next(step, state, stage)
        return state

    def _next(self, step: Instruction, state: ImageState, stage: Stage) -> ImageState:
        """Return the state after an instruction; the same object for the same two objects."""
        if step.keyword not in _CHANGING:
            return state
        key: tuple[object, ...] = (id(step), id(state), stage.name)
        if step.keyword == "ARG" or not all(map(self._is_external, step.images)):
            # Global arguments and other stages count, too.
            after = self._after(step, state, stage)
            key = (*key, after.files, *after.steps, *after.environment.values())
            return self._known.setdefault(key, (after, (step, state)))[0]
        if key not in self._known:
            self._known[key] = (self._after(step, state, stage), (step, state))
        return self._known[key][0]

    def _is_external(self, word: Word) -> bool:
        """Return whether a name is certainly that of an external image."""
        text = word.text
        return not ("$" in text or text.lower() in self._numbers or self._is_named(text))

    def _is_named(self, name: str) -> bool:
        """Return whether a named context replaces a stage or an image."""
        return bool(self._named) and lookup_name(name) in self._named

    def _base(self, stage: Stage, number: int) -> ImageState:
        """Return the state that a `FROM` begins with."""
        name = expand(stage.base.text, self._globals, "", self._escape)
        platform = expand(stage.platform, self._globals, "", self._escape)
        platform = canonical_platform(platform) or platform or self._build.platform
        if name == "scratch":
            return ImageState()
        earlier = [n for n in range(number) if self._parsed.stages[n].name == name.lower()]
        if earlier and not self._is_named(name):
            state = self._stage(earlier[-1])
            variables = Variables(state.environment, state.inherited)
            variables.begin_stage()
            return _with(state, variables)
        return self._image(name, platform)

    def _image(self, name: str, platform: str) -> ImageState:
        """Return the state of a named context or, if there is none, of an external image."""
        context = self._named.get(lookup_name(name)) if self._named else None
        if isinstance(context, ImageState):
            return context._replace(environment=context.inherited)
        if context is not None and is_folder(context):
            return ImageState(files=self._build.contents(context, Source("", "", wild=False)))
        base = name_of(image_name(name if context is None else context), platform)
        return self._known.setdefault((base,), (ImageState(files=base, base=base), None))[0]

    def _after(self, step: Instruction, state: ImageState, stage: Stage) -> ImageState:
        """Return the state after an instruction."""

        def expanded(word: str) -> str:
            return expand(word, state.environment, state.base, self._escape)

        match step.keyword:
            case "ARG":
                return self._declare(step, state)
            case "ENV":
                variables = Variables(state.environment, state.inherited)
                variables.set_env(step, expanded)
                return _with(state, variables)
            case "WORKDIR":
                folder = absolute(expanded(" ".join(step.arguments)), state.folder, state.base)
                files = name_of(state.files, "WORKDIR", folder)
                return state._replace(folder=folder.rstrip("/") or "/", files=files)
            case "USER":
                return state._replace(user=expanded(" ".join(step.arguments)))
            case "SHELL":
                return state._replace(shell=step.arguments)
            case "ONBUILD":
                return state._replace(triggers=(*state.triggers, trigger(step.text)))
            case keyword if keyword in EXECUTED:
                return self._execute(step, state, stage)
            case _:
                return state

    def _declare(self, step: Instruction, state: ImageState) -> ImageState:
        """Return the state after an `ARG`."""
        variables = Variables(state.environment, state.inherited)

        def expanded(word: str) -> str:
            return expand(word, variables.environment, state.base, self._escape)

        variables.set_arg(step, self._build.arguments, self._globals, expanded)
        return _with(state, variables)

    def _execute(self, step: Instruction, state: ImageState, stage: Stage) -> ImageState:
        """Return the state after a step."""
        steps: dict[str, Step] = dict(state.steps)
        if step.keyword == "RUN":
            name = self._run(step, state, steps)
            files = name
        else:
            linked = is_linked(step)
            name = self._copy(step, state._replace(files="") if linked else state, state, steps)
            files = name_of(state.files, name) if linked and state.files else name
        if self._build.uncached is None or stage.name in self._build.uncached:
            name = files = name_of("no-cache", name)
        steps[name] = Step(
            name, step.text, step.line + self._build.header, step.pattern or step.text
        )
        return state._replace(files=files, steps=steps)

    def _run(self, step: Instruction, state: ImageState, steps: dict[str, Step]) -> str:
        """Name a `RUN`."""
        flags = tuple(
            expand(flag, state.environment, state.base, self._escape) if "$" in flag else flag
            for flag in step.flags
        )
        step = step._replace(flags=flags)
        _, others, mounts, *command = instruction_inputs(step)
        read_ = [self._read(source, state, steps) for source in sources(step, self._escape)]
        return name_of(
            "RUN",
            (state.files, state.base, self._build.platform, self._build.execution),
            (others, [without_source(mount) for mount in mounts], read_),  # type: ignore[attr-defined]
            () if step.is_json else state.shell,
            command,
            [*state.environment.items()],
            (state.folder, state.user),
        )

    def _copy(
        self, step: Instruction, below: ImageState, state: ImageState, steps: dict[str, Step]
    ) -> str:
        """Name a `COPY` or `ADD`; `below` has the files that it depends on."""

        def expanded(word: str) -> str:
            return expand(word, state.environment, state.base, self._escape)

        words = [word if is_heredoc(word, step) else expanded(word) for word in step.arguments]
        paths = tuple("$" if is_unknown(word) else word for word in words)
        flags = tuple(map(expanded, step.flags))
        read_: list[object] = [
            (base_name(source), self._read(source, state, steps))
            for source in sources(step._replace(arguments=paths, flags=flags), "")
        ]
        read_ += [word for word in words[:-1] if is_address(word)]
        read_ += documents(step, words, state.environment, state.base)
        options = sorted(flag for flag in flags if flag.partition("=")[0] not in _OTHER)
        target = absolute(words[-1], state.folder, state.base)
        epoch = self._build.arguments.get(EPOCH, "")
        return name_of(step.keyword, below.files, options, read_, target, epoch)

    def _read(self, source: Source, state: ImageState, steps: dict[str, Step]) -> object:
        """Return what stands for the files that an instruction reads; note the steps before it."""
        name = expand(source.name, {**self._globals, **state.environment}, "", self._escape)
        if not name:
            return self._build.contents("", source)
        context = self._named.get(lookup_name(name))
        if isinstance(context, str) and is_folder(context):
            return self._build.contents(context, source)
        number = self._numbers.get(name.lower())
        if context is not None or number is None:
            other = self._image(name, self._build.platform)
        else:
            other = self._stage(number)
        steps.update(other.steps)
        return [other.files, posixpath.normpath(f"/{source.path}")]


def _with(state: ImageState, variables: Variables) -> ImageState:
    return state._replace(environment=variables.environment, inherited=variables.inherited)
