"""Read `tests` of an image: commands, files, and what its configuration must contain."""

from collections.abc import Sequence
from dataclasses import replace

from compiler.matrix.matrix import ImagePart, WrittenTest, WrittenTests
from compiler.matrix.model import CommandOptions, ImageTestOptions
from compiler.matrix.reader import Reader
from compiler.matrix.strings import TemplateString
from compiler.source.document import Route


def read_tests(options: ImageTestOptions, route: Route, reader: Reader) -> WrittenTests:
    """Compile the strings of `tests`, in the order in which they are checked.

    Labels have bake's syntax, as the field `labels` has. All other strings are only Jinja: commands
    and entry points have their own `${}`.
    """

    def texts(raw: Sequence[str] | None, *inner: str | int) -> tuple[TemplateString, ...]:
        # A short form is a list or a text at the route itself.
        at = reader.source.existing((*route, *inner))
        if raw and len(raw) == 1 and not reader.source.is_list(at):
            return (reader.text(raw[0], at),)
        return reader.texts(raw or (), at, bake=False)

    def test(part: ImagePart, strings: tuple[TemplateString, ...]) -> WrittenTest:
        where = strings[0].route if strings else (*route, part)
        return WrittenTest(part=part, texts=strings, route=where)

    def command(entry: CommandOptions, n: int) -> WrittenTest:
        return replace(
            test(ImagePart.SHELL, texts([entry.run], "shell", n, "run")),
            devices=texts(entry.device, "shell", n, "device"),
            mounts=texts(entry.mount, "shell", n, "mount"),
        )

    def label(key: str, value: str) -> WrittenTest:
        at = (*route, "labels", key)
        name = reader.text(key, at, bake=True, key=True)
        return replace(test(ImagePart.LABELS, (reader.text(value, at, bake=True),)), key=name)

    entries = [command(entry, n) for n, entry in enumerate(options.shell or ())]
    entries += [test(ImagePart.FILES, (text,)) for text in texts(options.files, "files")]
    entries += [label(key, value) for key, value in (options.labels or {}).items()]
    for part, text in ((ImagePart.USER, options.user), (ImagePart.SIZE, options.size)):
        if text is not None:
            entries.append(test(part, texts([text], part)))
    if options.entrypoint is not None:
        entries.append(test(ImagePart.ENTRYPOINT, texts(options.entrypoint, "entrypoint")))
    return WrittenTests(entries=tuple(entries))
