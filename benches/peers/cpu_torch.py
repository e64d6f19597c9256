"""Lets the plain PyTorch wheel run on the CPU without its 3 GB of CUDA packages.

The wheel's libraries name CUDA libraries as dependencies, so `import torch`
fails without them although nothing of them is used here. This puts a stand-in
beside them for each missing library: every function answers 100, which the CUDA
runtime calls "no device". Run it with the interpreter that has torch installed
(`pip install --no-deps torch`); it needs gcc, nm and readelf.
"""

import importlib.util
import pathlib
import re
import subprocess
import tempfile

# Those that are called on the CPU path too, or whose answer is a text.
ANSWERS = {
    "cudaStreamIsCapturing": "int cudaStreamIsCapturing(void *stream, int *status) { *status = 0; return 0; }",
    "cudaGetErrorString": 'const char *cudaGetErrorString(int code) { return "no device"; }',
    "cudaGetErrorName": 'const char *cudaGetErrorName(int code) { return "no device"; }',
}
VENDOR = re.compile(r"lib(cu|nv|nccl)\w*\.so")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    folder = pathlib.Path(importlib.util.find_spec("torch").origin).parent / "lib"
    libraries = [path for path in folder.glob("*.so*") if not VENDOR.match(path.name)]
    needed, undefined, defined, versions = set(), set(), set(), {}
    for path in libraries:
        needed |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", str(path))))
        for file, names in re.findall(r"File: (\S+) .*\n((?:.*Name: .*\n)+)", output("readelf", "-V", "-W", str(path))):
            versions.setdefault(file, set()).update(re.findall(r"Name: (\S+)", names))
        for line in output("nm", "-D", str(path)).splitlines():
            *_, kind, symbol = line.split()
            name, _, version = symbol.partition("@")
            (undefined if kind == "U" else defined).add((name, version.strip("@")))
    own = {name for name, _ in defined}
    missing = sorted(name for name in needed if VENDOR.match(name) and not (folder / name).exists())
    theirs = set().union(*(versions.get(library, ()) for library in missing))
    wanted = sorted((name, version) for name, version in undefined if name not in own
                    and (version in theirs or not version and re.match(r"_*(cu|nccl|nv)[A-Za-z]", name)))
    for library in missing:
        known = versions.get(library, {""})
        stand_in(folder / library, [pair for pair in wanted if pair[1] in known])
    print(f"{len(missing)} stand-ins with {len(wanted)} functions")


def stand_in(path, pairs):
    with tempfile.TemporaryDirectory() as scratch:
        source, script = pathlib.Path(scratch) / "stand_in.c", pathlib.Path(scratch) / "version.map"
        source.write_text("".join(ANSWERS.get(name, f"int {name}(void) {{ return 100; }}") + "\n" for name, _ in pairs))
        groups = {version: [name for name, other in pairs if other == version] for _, version in pairs if version}
        script.write_text("".join(f"{version} {{ global: {'; '.join(names)}; }};\n" for version, names in groups.items()))
        versioned = [f"-Wl,--version-script={script}"] if groups else []
        output("gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{path.name}", *versioned, "-o", str(path), str(source))


if __name__ == "__main__":
    main()
