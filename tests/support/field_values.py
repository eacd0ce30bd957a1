"""Values of fields that bake and BuildKit accept and reject, with which tests compare us."""

ACCEPTED: dict[str, tuple[object, ...]] = {
    "shm-size": (
        *("128m", "1.5g", "1e9", "1E9", ".5g", "1.", "+1g", "1_0", "1 g", "1kib", "1gIB", "0"),
        *("1e-1", "1e5g", "1B"),
    ),
    "network": ("", "default", "none"),
    "ulimits": (
        *(["nofile=1024"], ["nofile=1024:2048"], ["nofile=-1"], ["nofile=-1:-1"], ["core=0"]),
        *(["nofile=5:-1"], ["nofile=+5:+5"], ["nofile=00005"], ["nofile=-2:-1"]),
        ["nofile=9223372036854775807"],
    ),
    "extra-hosts": (
        *({"a": "1.2.3.4"}, {"a": "host-gateway"}, {"a": "::1"}, {"a": "[::1]"}, {"a:b": "::1"}),
        *({"a": "1.2.3.4,5.6.7.8"}, {"a": "[1.2.3.4],::1"}, {"a": "::ffff:1.2.3.4"}),
    ),
    "secret": (["id=a,src=Dockerfile"], ["Id=a,SRC=Dockerfile"], ["type=file,id=a,env=HOME"]),
    "output": (
        *(["type=local,dest=x"], ["type=local, dest=x"], [" type=oci,dest =y"], ["type=tar"]),
        *(["z"], ["-"], ["type=cacheonly"]),
    ),
    "attest": (
        *(["type=provenance,mode=max"], ["type=provenance, mode=max"]),
        *(["type=sbom,disabled=T"], ["type=provenance,disabled=1"]),
    ),
    "annotations": (
        *({"a": "b"}, {"index:a": "b"}, {"manifest[linux/arm64/v8],index:a": "b"}),
        *({"index:a:b": "c"}, {"index-descriptor:a": "b"}, {"manifest[linux]:a": "b"}),
    ),
    "cache-from": (["type=local,src=context"], ["type=gha"], ["127.0.0.1:1/a:b"]),
    "cache-to": (["type=local,dest=x,mode=max"], ["type=inline"]),
}
REJECTED: dict[str, tuple[object, ...]] = {
    "shm-size": ("g", "-1", "1e", "0x10", "1ib", "1ki", "1  g", "\u0663g", "inf", "1.5.5", " "),
    "ulimits": (
        *(["nofile"], ["nofile="], ["nofile=5:"], ["nofile=2:1"], ["nofile=-1:5"], ["a=1"]),
        *(["NOFILE=1"], ["nofile=1:2:3"], ["nofile=1_0"], ["nofile=\u0663"], ["nofile = 5"]),
        *(["nofile=9223372036854775808"], [f"nofile={'9' * 5_000}"]),
    ),
    "extra-hosts": (
        *({"a": "x"}, {"a": "1.2.3"}, {"a": "010.1.1.1"}, {"a": "fe80::1%eth0"}, {"a": "[::1"}),
        *({"a": "::1]"}, {"a": " ::1"}, {"a": "1.2.3.4, 5.6.7.8"}, {"a": "1.2.3.4,"}, {"a": "[]"}),
        *({"a": "host-gateway,::1"}, {"a": "[host-gateway]"}, {"a=b": "::1"}),
    ),
    "secret": (
        *(["a"], ["id=a,foo=b"], ["type=x,id=a"], [" id=a"], ["id =a"]),
        ["id=a, src=Dockerfile"],
    ),
    "output": (["type=local"], ["type=foo"], ["type=image,push"]),
    "attest": (
        *(["provenance"], ["mode=max"], ["type=foo"], ["type=provenance,disabled=yes"]),
        ["type=provenance,disabled="],
    ),
    "annotations": (
        *({"a:b": "c"}, {"Index:a": "b"}, {"manifest[]:a": "b"}),
        {"manifest[linux/amd.64]:a": "b"},
    ),
    "cache-from": (
        *(["type=local"], ["type=local,source=context"], ["type=local, src=context"]),
        *(["type=local,src="], ["type=registry"], ["type=registry, ref=a/b"], ["ref=a/b"]),
        ["type =registry,ref=a/b"],
    ),
    "cache-to": (["type=local"], ["type=local,src=x"], ["type=registry,ref="]),
}
"""Field -> values in matrix.yaml. Whether what they name exists does not matter to compiling."""
WITHOUT_BUILDER: dict[str, tuple[object, ...]] = {
    "cache-from": (["type=s3,region=a"], ["type=azblob,account_url=https://a.example"]),
}
"""Valid values that the tests' builder does not support: its environment could have the rest."""
