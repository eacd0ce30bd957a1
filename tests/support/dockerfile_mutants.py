"""Mutate Dockerfiles at random: valid ones become invalid, unusual, or stay valid."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from compiler.external.references import is_image_name
from compiler.render.dockerfile import DockerfileError, read
from compiler.render.frontends import syntax_directive
from compiler.render.stages import ImageWalk


KEYWORDS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    *("COPPY", "run", "Copy", "ONBUILD RUN", "ONBUILD ONBUILD", "onbuild COPY", "ONBUILD FROM"),
)
FLAGS = (
    *("--from=scratch", "--from=0", "--from=1", "--from=9", "--from=-1", "--from=base", "--from="),
    *("--from", "--from=$X", "--from='0'", "--FROM=0", "--from=BASE"),
    *("--link", "--link=false", "--link=maybe", "--link=", "--Link", "--link --link"),
    *("--chown=1:1", "--chown", "--chown=$X", "--chmod=755", "--chmod=u+x", "--chmod=999"),
    *("--chmod=", "--chmod=x", "--chmod=$X", "--parents", "--exclude=*.md", "--exclude"),
    *("--exclude=a --exclude=b", "--keep-git-dir", "--keep-git-dir=true", "--unpack"),
    *("--unpack=false", "--checksum=sha256:0", "--checksum=md5:0", "--checksum="),
    *("--network=none", "--network=host", "--network=bridge", "--network=", "--network=$X"),
    *("--security=sandbox", "--security=insecure", "--security=no", "--security", "--device=a"),
    *("--platform=linux/arm64", "--platform=$BUILDPLATFORM", "--platform=$TARGETPLATFORM"),
    *("--platform=", "--platform", "--platform=linux", "--platform=arm64", "--platform=a/b/c/d"),
    *("--platform=windows(10.0.1)/amd64", "--platform=linux/arm/v9", "--platform=$NONE"),
    *("--platform=${NONE:-linux/amd64}", "--platform=li nux", "--platform='linux/amd64'"),
    *("--interval=5s", "--interval=5", "--interval=1us", "--interval=0", "--interval=1h2m"),
    *("--timeout=-1s", "--retries=3", "--retries=0", "--retries=-1", "--retries=x"),
    *("--start-period=1m", "--start-interval=1s", "--start-interval=", "--interval=1.5s"),
    *("--unknown", "--unknown=1", "--", "---", '--"link"', "-x"),
)
MOUNTS = (
    *("type=bind,target=/a", "target=/a", "dst=/a", "destination=/a", "type=bind", "", "bind"),
    *("type=other,target=/a", "TYPE=Bind,TARGET=/a", "type=bind,target=/a,rw", "target=/a,rw=x"),
    *("target=/a,readonly=0", "target=/a,ro=true", "target=/a,unknown=1", "target=/a,unknown"),
    *("type=cache,target=/a", "type=cache", "type=cache,target=/a,id=", "type=cache,id=a"),
    *("type=cache,target=/a,sharing=locked", "type=cache,target=/a,sharing=LOCKED"),
    *("type=cache,target=/a,sharing=all", "type=cache,target=/a,mode=0755"),
    *("type=cache,target=/a,mode=u+x", "type=cache,target=/a,uid=-1", "type=cache,target=/a,gid=1"),
    *("type=cache,target=/a,uid=99999999999", "type=cache,target=/,id=a", "target=/"),
    *("type=tmpfs,target=/a", "type=tmpfs", "type=tmpfs,target=/a,size=1m", "type=tmpfs,size=x"),
    *("type=tmpfs,target=/a,source=b", "type=tmpfs,target=/a,from=base", "type=tmpfs,target=/"),
    *("type=secret", "type=secret,id=a", "type=secret,target=/a", "type=secret,id=a,required"),
    *("type=secret,id=a,required=x", "type=secret,id=a,env=A", "type=secret,env=A"),
    *("type=secret,id=a,from=base", "type=secret,src=a", "type=secret,id=a,mode=0400"),
    *("type=secret,id=a,mode=9", "type=secret,id=a,uid=0,gid=0", "type=secret,id=a,env="),
    *("type=ssh", "type=ssh,id=a", "type=ssh,target=/a,mode=600", "type=ssh,required=false"),
    *("type=ssh,required=no", "from=0,target=/a", "from=9,target=/a", "from=base,target=/a"),
    *("from=BASE,target=/a", "from=$X,target=/a", "from=,target=/a", "source=$X,target=/a"),
    *("type=$X,target=/a", "target=$X", "target=${X:-/a}", '"target=/a"', "'target=/a'"),
    *('target=/a,"source=b,c"', 'target=/a,source="b"', "target=/a,source=b,src=c", "target=,a"),
    *("target=/a,id=x", "target=/a,required", "target=/a,uid=1", "target=/a,sharing=shared"),
    *("target=/a,env=A", "target=/a,size=1", "target = /a", "target=/a, source=b", "target=/a,"),
    *("target=${X", "target=/a,from=${X}", "type=cache,target=/a,from=base", "source=b"),
)
NAMES = (
    *("base", "Base", "BASE", "0", "1", "9", "-1", "1a", "a/b", "a:b", "_a", "a_b.c-d", "$X"),
    *("context", "ä", "a$X", "''", '"base"'),
)
WORDS = (
    *("$X", "${X}", "${X:-a}", "${X:+a}", "${X-a}", "${X+a}", "${X:?a}", "${X?a}", "${X#a}"),
    *("${X##*a}", "${X%a}", "${X%%a*}", "${X/a/b}", "${X//a/b}", "${X/a}", "${X:a}", "${X:1}"),
    *("${X", "${", "$", "$$", "${}", "${X-", "${X:-${Y}}", "${X:-${Y", "${1}", "$1", "${X!a}"),
    *("\\$X", "'$X'", '"$X"', '"${X', "'", '"', "\\", "\\\\", "''", '""', "a=b", "=", "=b", "a="),
    *("[", "]", "[]", '["a"]', '["a", 1]', "['a']", '["a",]', '["a"', "{}", "<<EOF", "<<-EOF"),
    *("<<'EOF'", "<<", "<<<a", "1<<EOF", "<<E'O'F", "<<$X", "# a", "#", "--", "-", "*", "~"),
    *("80", "80/udp", "80/x", "90-80", "99999", "-1", "SIGKILL", "SIGNONE", "NONE", "CMD", "AS a"),
    *("\u00a0", "\u2028", "\x0b", "\x0c", "\t", "ä", "\ufeff", "https://a.example/b", "é=1"),
)
STARTS = (
    *("# escape=`\n", "# escape=\\\n", "# escape=x\n", "# escape=\n", "#escape=`\n", "\n"),
    *("# Escape = `  \n", "# escape=`\n# escape=`\n", "# escape=``\n", "# a\n# escape=`\n"),
    *("\n# escape=`\n", "# check=skip=all\n", "# check=error=true\n", "# check=x\n", "# check=\n"),
    *("# check=skip=all;error=true\n", "# check=skip=all\n# check=skip=all\n", "\ufeff"),
    *("# unknown=x\n# escape=`\n", "#!/bin/sh\n", "// escape=`\n", "# check=error=x\n", " # a\n"),
    *("ARG X=1\n", "ARG X\n", "ARG X=scratch Y=${X}\n", "ARG X=${\n", "ARG X='a\n", "ARG\n"),
    *("ARG X Y=1\n", "ARG X=a b\n", "ARG =1\n", "ENV X=1\n", "RUN true\n", "ARG X=\\\n1\n"),
    *("FROM scratch AS base\n", "FROM scratch\nFROM scratch AS other\n", "ARG 'X'=1\n"),
    *("FROM scratch AS base\nFROM base AS base\n", "# comment \\\n", "\\\n", "LABEL a=b\n"),
)
LINES = (
    *(
        "FROM scratch",
        "FROM base",
        "FROM scratch AS base",
        "FROM $X",
        "FROM scratch${X}",
        "FROM other",
    ),
    *("FROM ${X:-scratch}", "FROM scratch AS $X", "FROM 'scratch'", 'FROM "scratch"', "FROM ''"),
    *("FROM scratch as", "FROM scratch AS a b", "FROM scratch a", "FROM", "FROM scratch # a"),
    *("FROM scratch\\", "FROM ${X:-}", "FROM ${X:-scratch", "FROM scratch AS a AS b"),
    *("COPY a", "COPY a /", "COPY . .", "ADD a /", 'COPY ["a", "/"]', "COPY ['a', '/']"),
    *('COPY ["a"]', "COPY []", "COPY a b c", "COPY a b /c/", "COPY <<EOF /a\nb\nEOF"),
    *("COPY <<EOF\nb\nEOF", "COPY <<A <<B /c/\n1\nA\n2\nB", "COPY a <<EOF\nb\nEOF", "COPY '' /"),
    *("RUN <<EOF\na\nEOF", "RUN <<-EOF\n\ta\n\tEOF", "RUN <<EOF\na\n EOF", "RUN <<EOF", "RUN"),
    *("RUN a <<EOF && b\n1\nEOF", 'RUN ["a", "<<EOF"]', "RUN [1]", "RUN <<EOF cat\n$X\nEOF"),
    *("ONBUILD COPY a", "ONBUILD RUN <<EOF\na\nEOF", "ONBUILD RUN <<EOF", "ONBUILD", "ONBUILD a"),
    *("ONBUILD COPY --from=9 a b", "ONBUILD COPY --unknown a b", "ONBUILD --x RUN a"),
    *("ONBUILD FROM scratch", "ONBUILD ENV A", "ONBUILD MAINTAINER a", "ONBUILD CMD <<E\na\nE"),
    *("ENV", "ENV A", "ENV A b", "ENV A=b C", "ENV A=b C=d", "ENV =b", "ENV A='b", 'ENV A="b'),
    *("ENV A=${B", "ENV A=${B:-c}", "ENV A=b\\ c", "ENV ${A}=b", "ENV A= b", "ENV ''=b"),
    *("LABEL", "LABEL a", "LABEL a b", "LABEL a=b c", "LABEL a='b", "LABEL $A=b", "LABEL ''=b"),
    *("ARG", "ARG A", "ARG A=b C", "ARG A=b C=d", "ARG A=${B", "ARG =b", "ARG A B", "ARG A='b"),
    *("USER", "USER a", "USER a b", "USER $A", "USER ${A", "WORKDIR", "WORKDIR a", "WORKDIR ${A"),
    *("WORKDIR 'a", "WORKDIR a b", "VOLUME", "VOLUME a b", "VOLUME []", 'VOLUME [""]', "VOLUME ''"),
    *('VOLUME ["a" "b"]', "VOLUME ${A", "EXPOSE", "EXPOSE 80", "EXPOSE a", "EXPOSE 80/tcp 81"),
    *("EXPOSE 90-80", "EXPOSE 80/x", "EXPOSE $A", "EXPOSE ${A", "EXPOSE 70000", "EXPOSE 80-81:82"),
    *("EXPOSE 1.2.3.4:80:80", "EXPOSE -1", "STOPSIGNAL", "STOPSIGNAL 9", "STOPSIGNAL a"),
    *(
        "STOPSIGNAL $A",
        "STOPSIGNAL ${A",
        "STOPSIGNAL 99",
        "STOPSIGNAL SIGRTMIN+1",
        "STOPSIGNAL a b",
    ),
    *("SHELL", "SHELL a", "SHELL []", 'SHELL ["a"]', "SHELL ['a']", 'SHELL [""]', "SHELL [1]"),
    *(
        "CMD",
        "CMD a",
        "CMD []",
        "CMD ['a']",
        "CMD [1]",
        "ENTRYPOINT",
        "ENTRYPOINT []",
        "CMD [null]",
    ),
    *("HEALTHCHECK", "HEALTHCHECK NONE", "HEALTHCHECK NONE a", "HEALTHCHECK CMD", "HEALTHCHECK a"),
    *("HEALTHCHECK CMD []", 'HEALTHCHECK CMD ["a"]', "HEALTHCHECK cmd a", "HEALTHCHECK CMD [1]"),
    *("HEALTHCHECK --interval=5s NONE", "HEALTHCHECK CMD ''", "MAINTAINER", "MAINTAINER a"),
    *("COPY a${X /", "COPY 'a /", "COPY a ${X", "ADD https://a.example/b /", "ADD a${X /"),
    *("ADD https://a.example/ /", "ADD https://a.example/b c /d", "ADD git@a.example:b.git /"),
    *("ADD --checksum=sha256:0 https://a.example/b /", "ADD <<EOF /\na\nEOF", "COPY https://a /"),
    *("COPY --chmod=755 <<EOF /\na\nEOF", "\ufeffRUN a", "RUN\u00a0a", "\u00a0RUN a", "\x0cRUN a"),
)

Mutation = Callable[[list[str], Random], None]


def _line(lines: Sequence[str], random: Random, start: str = "") -> int:
    """Return the number of a line with an instruction, if possible one that starts as given."""
    found = [n for n, line in enumerate(lines) if re.match(start or r"[A-Za-z]", line)]
    return random.choice(found or range(len(lines)))


def _keyword(lines: list[str], random: Random) -> None:
    n = _line(lines, random)
    lines[n] = re.sub(r"^\S+", lambda _: random.choice(KEYWORDS), lines[n])


def _flag(lines: list[str], random: Random) -> None:
    n = _line(lines, random, r"(?i)(FROM|COPY|ADD|RUN|HEALTHCHECK|ONBUILD|CMD|ENV|USER)\b")
    flag = random.choice((*FLAGS, f"--mount={random.choice(MOUNTS)}"))
    lines[n] = re.sub(r"^\s*\S+(\s|$)", lambda match: f"{match[0].rstrip()} {flag} ", lines[n])


def _mount(lines: list[str], random: Random) -> None:
    n = _line(lines, random, r"(?i)RUN\b")
    mount = random.choice(MOUNTS)
    if "--mount=" in lines[n]:
        lines[n] = re.sub(r"--mount=\S*", lambda _: f"--mount={mount}", lines[n], count=1)
    else:
        lines[n] = re.sub(r"^\S+\s*", lambda match: f"{match[0]}--mount={mount} ", lines[n])


def _no_flag(lines: list[str], random: Random) -> None:
    n = _line(lines, random, r".*--")
    lines[n] = re.sub(r"--\S*\s*", "", lines[n], count=1)


def _stage(lines: list[str], random: Random) -> None:
    n = _line(lines, random, r"(?i).*(FROM|from=)")
    name = random.choice(NAMES)
    old = lines[n]
    lines[n] = re.sub(r"(?i)(from=)[^\s,]+", lambda match: match[1] + name, old)
    if lines[n] == old:
        lines[n] = re.sub(r"(?i)\s+AS\s+\S+|\s*$", f" AS {name}", old, count=1)


def _word(lines: list[str], random: Random) -> None:
    n = _line(lines, random)
    words = re.split(r"(\s+)", lines[n])
    at = random.randrange(len(words))
    if random.random() < 0.5:
        words[at] = random.choice(WORDS)
    else:
        words.insert(at, random.choice(WORDS))
    lines[n] = "".join(words)


def _character(lines: list[str], random: Random) -> None:
    n = _line(lines, random)
    at = random.randrange(len(lines[n]) + 1)
    new = random.choice(("", "", *"\\\"'$<>#=[]{}`,:-/ \t\r\x0b\x0c\u00a0"))
    lines[n] = lines[n][:at] + new + lines[n][at + random.randrange(2) :]


def _insert(lines: list[str], random: Random) -> None:
    lines.insert(random.randrange(len(lines) + 1), random.choice(LINES))


def _delete(lines: list[str], random: Random) -> None:
    del lines[random.randrange(len(lines))]


def _swap(lines: list[str], random: Random) -> None:
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _join(lines: list[str], random: Random) -> None:
    n = random.randrange(len(lines))
    ends = ("\\", "\\ ", " \\\n", " \\\n# comment", "`", "\\\\", " \\\n  ", "\r", "\\\r", "\x0b\\")
    lines[n] = lines[n].rstrip("\\") + random.choice(("", *ends))


def _start(lines: list[str], random: Random) -> None:
    lines[0] = random.choice(STARTS) + lines[0]


def _onbuild(lines: list[str], random: Random) -> None:
    n = _line(lines, random)
    lines[n] = (
        random.choice(("ONBUILD ", "onbuild\t", "ONBUILD \\\n", "ONBUILD ONBUILD ")) + lines[n]
    )


def _heredoc(lines: list[str], random: Random) -> None:
    n = _line(lines, random, r"(?i)(ONBUILD\s+)?(RUN|COPY|ADD)\b")
    start = random.choice(("<<EOF", "<<-EOF", "<<'EOF'", '<<"EOF"', "3<<EOF", "<< EOF", "<<E\\OF"))
    end = random.choice(("EOF", "\tEOF", " EOF", "EOF ", "eof", "'EOF'", "EOF\r", ""))
    words = lines[n].split(" ")
    words.insert(random.randrange(1, len(words) + 1), start)
    body = random.choice(("a", "RUN a \\", "# a", "", "FROM scratch", "\ta"))
    lines[n] = "\n".join((" ".join(words), body, end))


MUTATIONS: tuple[Mutation, ...] = (
    *(_keyword, _flag, _flag, _mount, _no_flag, _stage, _word, _word, _character, _character),
    *(_insert, _insert, _delete, _swap, _join, _start, _onbuild, _heredoc),
)


def mutant(bases: Sequence[str], random: Random) -> str:
    """Return one of some Dockerfiles after one to three mutations.

    No mutant names an image of a registry: BuildKit would look for it there.
    """
    while True:
        lines = random.choice(bases).split("\n")
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            random.choice(MUTATIONS)(lines, random)
            lines = "\n".join(lines).split("\n")
        text = "\n".join(lines)
        if not _needs_registry(text):
            return text


def _needs_registry(text: str) -> bool:
    try:
        parsed = read(text)
    except DockerfileError:
        return syntax_directive(text) is not None
    steps = (step for step in parsed.instructions if step.keyword == "RUN")
    names = [word.text for step in steps for word in step.images]
    names += [stage.base.text for stage in parsed.stages]
    if parsed.syntax is not None or any(map(str.isdigit, names)):
        return True
    walk = ImageWalk(parsed, {}, "linux/amd64")
    return any(map(is_image_name, (image.image for image in walk.images())))
