"""The optional engine of spindoctor: where it cannot be compiled, nothing is installed but a name."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "spindoctor_engine",
            [f"src/{name}.c" for name in ("module", "batch", "stacks", "table", "memory")],
            depends=["src/engine.h", "src/batch.h"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
