"""The version of this compiler; what it wrote it writes again alike."""

VERSION = "0.1.0"
